"""Checks of the adapter and of what is saved and loaded."""
