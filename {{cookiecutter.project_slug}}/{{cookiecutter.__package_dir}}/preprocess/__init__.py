"""From raw rows to numbers a model takes."""
