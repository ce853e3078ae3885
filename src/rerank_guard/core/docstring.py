"""What the docstring of a check says, in parts: the text, its arguments, what it returns, and the papers that it names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Documentation", "documentation_of", "papers_in"]

_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Yields|Example|Examples):$")
_ENTRY = re.compile(r"^(\w+(?:, \w+)*): ?(.*)$")
_QUOTED = re.compile(r'"[^"]*"|`[^`]*`')
_AUTHOR = r"[A-Z][a-zA-Z'\u00c0-\u017f]+(?:-[A-Z][a-z]+)*"
_PAPER = re.compile(rf"({_AUTHOR}(?:(?:, {_AUTHOR})*,? and {_AUTHOR}|,? et al\.?)?),? \(?((?:19|20)\d\d)\b")


@dataclass(frozen=True, slots=True)
class Documentation:
    """A docstring of Google style, in parts.

    Attributes:
        summary: its first sentence or sentences, up to the first empty line.
        body: the paragraphs after it, up to the first section; line breaks as they are.
        arguments: parameter name to its text, on one line.
        returns: the text of "Returns:", on one line.
        papers: what the text names as its sources, such as "Mann and Whitney 1947", each once.
    """

    summary: str
    body: tuple[str, ...]
    arguments: Mapping[str, str]
    returns: str
    papers: tuple[str, ...]


def documentation_of(function: Callable[..., object]) -> Documentation:
    """The parts of a function's docstring; empty ones where it has none."""
    text = inspect.cleandoc(function.__doc__ or "")
    sections = _sections(text)
    paragraphs = [part for part in re.split(r"\n\s*\n", "\n".join(sections[""])) if part.strip()]
    return Documentation(
        summary=_one_line(paragraphs[0]) if paragraphs else "",
        body=tuple(part.strip("\n") for part in paragraphs[1:]),
        arguments=_entries(sections.get("Args", [])),
        returns=_one_line(" ".join(sections.get("Returns", []))),
        papers=papers_in(text),
    )


def papers_in(text: str) -> tuple[str, ...]:
    """Authors and year of each paper that a text names, in its order, each once; titles in quotes are no papers."""
    plain = _one_line(_QUOTED.sub("", text))
    return tuple(dict.fromkeys(f"{authors} {year}" for authors, year in _PAPER.findall(plain)))


def _sections(text: str) -> dict[str, list[str]]:
    """The lines of each section under its heading; those before the first one under ""."""
    found: dict[str, list[str]] = {"": []}
    current = found[""]
    for line in text.splitlines():
        heading = _SECTION.match(line)
        if heading:
            current = found.setdefault(heading.group(1), [])
        else:
            current.append(line)
    return found


def _entries(lines: list[str]) -> dict[str, str]:
    """Each name of a section of "name: text" entries with its text; "a, b: text" is the text of both."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    for line in (line[margin:] for line in lines if line.strip()):
        entry = None if line.startswith(" ") else _ENTRY.match(line)
        if entry:
            names = entry.group(1).split(", ")
            found |= {name: [entry.group(2)] for name in names}
        else:
            for name in names:
                found[name].append(line)
    return {name: _one_line(" ".join(parts)) for name, parts in found.items()}


def _one_line(text: str) -> str:
    return " ".join(text.split())
