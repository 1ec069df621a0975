"""A page to try the model on: fill in a form, see the answer. Run `python -m app.app`."""
