"""rerank-guard: tests that fail when an LLM reranker is silently broken, and that name the fault."""
