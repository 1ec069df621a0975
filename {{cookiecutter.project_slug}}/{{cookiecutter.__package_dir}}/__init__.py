"""Data, training and prediction of this project; people start at `cli`."""
