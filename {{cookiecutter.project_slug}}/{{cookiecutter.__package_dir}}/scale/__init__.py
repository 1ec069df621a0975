"""Many parts, worked on in one process or in several."""
