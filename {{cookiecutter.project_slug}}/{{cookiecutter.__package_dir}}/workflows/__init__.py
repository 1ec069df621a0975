"""The commands that take several rooms: they read, compute, draw and write, in this order."""
