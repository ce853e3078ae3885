"""From token ids to scores: one forward pass, plain or packed."""
