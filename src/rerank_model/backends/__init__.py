"""How a base model is loaded and given an adapter: transformers or unsloth."""
