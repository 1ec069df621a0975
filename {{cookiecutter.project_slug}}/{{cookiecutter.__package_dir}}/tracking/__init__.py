"""What is recorded of runs: each is a file, and a module of your choice may be told of it."""
