"""A page to try the model on: fill in a form, see the answer. Run `python -m app.app`."""
{% if cookiecutter.demo_app == 'gradio' %}

import os

# Before Gradio is imported: it would report its use, and look for a newer version.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
{% endif %}
