"""A letter-token reranker: one forward pass, the logits at the letter tokens are the ranking."""
