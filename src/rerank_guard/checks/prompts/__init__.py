"""Checks of the prompts as token ids."""
