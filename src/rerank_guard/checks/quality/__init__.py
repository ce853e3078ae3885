"""Checks of the ranking's quality, most of them once a cutoff."""
