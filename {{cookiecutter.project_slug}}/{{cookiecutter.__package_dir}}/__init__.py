"""Data, training and prediction of this project; `cli` is the entry for people, the rest for code."""
