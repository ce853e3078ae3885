"""Verdicts and reports as text, terminal tables, JSON and markdown; renderers return text or data, never print."""
