"""Training, evaluation and the versions on disk."""
