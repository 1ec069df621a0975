"""Showing results: given numbers, drawn; nothing is computed here."""
