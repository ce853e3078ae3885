"""Interactions, items, splits, samplers, and the known-truth world."""
