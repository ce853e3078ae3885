"""Tables of the reports that the benchmarks write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["table"]


def table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table; bars and line breaks in a cell do not end it."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for cells in body:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
