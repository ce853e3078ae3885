"""Checks of the tasks: candidates, targets, texts, splits."""
