"""Checks of the scores: do they come from the trained model, whatever the batch, and twice the same?"""
