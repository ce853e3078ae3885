"""What is asked of a reranker, once each, by name; a module a kind of thing. `suite.resolver` finds them by walking."""
