"""Checks of the training job: its plan, its first batch, its trace, its weights."""
