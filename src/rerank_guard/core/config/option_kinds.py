"""What an option's value may be, from a file and from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["CUTOFFS", "FLAG", "LEVEL", "NAMES", "PATH", "SEED", "TEXT", "Kind"]


class Kind(NamedTuple):
    """How a value is read. Both functions raise ValueError with what is wrong and what is wanted.

    Attributes:
        from_file: (TOML value, folder of the file) to the value.
        from_text: the command line's text to what a file would hold.
    """

    from_file: Callable[[object, Path], object]
    from_text: Callable[[str], object]


def _text(raw: object, folder: Path) -> str:  # noqa: ARG001
    if not isinstance(raw, str) or not raw:
        raise ValueError(f"{raw!r} is no text; give text in quotes")
    return raw


def _path(raw: object, folder: Path) -> Path:
    if not isinstance(raw, str | Path) or not str(raw):
        raise ValueError(f"{raw!r} is no path; give text in quotes, relative to this file's folder")
    return folder / raw


def _names(raw: object, folder: Path) -> tuple[str, ...]:  # noqa: ARG001
    if not isinstance(raw, list | tuple) or not all(isinstance(name, str) and name for name in raw):
        raise ValueError(f'{raw!r} is no list of names; give one such as ["data", "calibrated"]')
    return tuple(raw)


def _flag(raw: object, folder: Path) -> bool:  # noqa: ARG001
    if not isinstance(raw, bool):
        raise ValueError(f"{raw!r} is neither true nor false; give one of them")
    return raw


def _seed(raw: object, folder: Path) -> int:  # noqa: ARG001
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise ValueError(f"{raw!r} is not a whole number from 0 on")
    return raw


def _level(raw: object, folder: Path) -> float:  # noqa: ARG001
    if not isinstance(raw, int | float) or isinstance(raw, bool) or not 0.0 < raw < 0.5:
        raise ValueError(f"{raw!r} is no level; give a number above 0 and below 0.5, such as 0.001")
    return float(raw)


def _cutoffs(raw: object, folder: Path) -> tuple[int, ...]:  # noqa: ARG001
    listed = [raw] if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError(f"{raw!r} is no list of whole numbers; give one such as [5, 20]")
    for k in listed:
        if not isinstance(k, int) or isinstance(k, bool):
            raise ValueError(f"{raw!r} holds {k!r}, which is no whole number; give K such as [5, 20]")
        if k < 1:
            raise ValueError(f"{raw!r} holds a K below 1; Recall@K needs K >= 1")
    return tuple(listed)


def _number_text(text: str) -> object:
    try:
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return text


def _names_text(text: str) -> object:
    return [name.strip() for name in text.split(",") if name.strip()]


def _cutoffs_text(text: str) -> object:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{text!r} is not a list of whole numbers such as 5,20") from None


TEXT = Kind(_text, str)
PATH = Kind(_path, str)
NAMES = Kind(_names, _names_text)
FLAG = Kind(_flag, str)
SEED = Kind(_seed, _number_text)
LEVEL = Kind(_level, _number_text)
CUTOFFS = Kind(_cutoffs, _cutoffs_text)
