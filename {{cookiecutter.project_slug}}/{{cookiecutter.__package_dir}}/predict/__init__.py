"""Predictions: one row, a batch, a file."""
