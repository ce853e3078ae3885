"""Rerankers as the guard judges them: the embedded default, MovieLens, and broken jobs."""
