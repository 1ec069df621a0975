"""Derived features: how they are written, traced and computed; `known` has this project's."""
