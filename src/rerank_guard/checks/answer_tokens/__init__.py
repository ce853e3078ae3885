"""Checks of the tokens that answer: the letters."""
