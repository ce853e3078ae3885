"""Checks of what the loss is taken over."""
