"""Configuration files: which are read, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rerank_guard.core.errors import ConfigError

__all__ = ["OWN_FILE", "SHARED_FILE", "FileTable", "find_tables", "read_table"]

OWN_FILE = "rerank_guard.toml"
SHARED_FILE = "pyproject.toml"


class FileTable(NamedTuple):
    """The configuration that one file holds, as it is written there."""

    path: Path
    table: Mapping[str, Any]


def find_tables(start: Path) -> list[FileTable]:
    """The configuration files of the nearest folder, from `start` upward, that has one; the last one wins.

    Both files of one folder count: pyproject.toml first, then rerank_guard.toml.

    Raises:
        ConfigError: a file on the way is not TOML, or cannot be read.
    """
    for folder in (start, *start.parents):
        if found := list(_tables_in(folder)):
            return found
    return []


def read_table(path: Path) -> FileTable:
    """The configuration in a named file: [tool.rerank_guard] of a pyproject.toml, all of any other.

    Raises:
        ConfigError: there is no such file, it is not TOML, or a pyproject.toml has no such table.
    """
    data = _read(path)
    if path.name != SHARED_FILE:
        return FileTable(path, data)
    table = _shared_table(path, data)
    if table is None:
        raise ConfigError(f"{path} has no table [tool.rerank_guard]; add it, or name another file.")
    return FileTable(path, table)


def _tables_in(folder: Path) -> Iterator[FileTable]:
    shared, own = folder / SHARED_FILE, folder / OWN_FILE
    if _is_file(shared) and (table := _shared_table(shared, _read(shared))) is not None:
        yield FileTable(shared, table)
    if _is_file(own):
        yield FileTable(own, _read(own))


def _is_file(path: Path) -> bool:
    """Whether there is such a file; False in a folder that this user may not read."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def _shared_table(path: Path, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tool = data.get("tool", {})
    if not isinstance(tool, Mapping):
        return None
    table = tool.get("rerank_guard")
    for name in tool:
        if name != "rerank_guard" and name.lower().replace("-", "_") == "rerank_guard":
            raise ConfigError(f"{path}: tool.{name} is not read; the table is [tool.rerank_guard].")
    if table is not None and not isinstance(table, Mapping):
        raise ConfigError(f"{path}: tool.rerank_guard is {table!r}; make it a table, [tool.rerank_guard].")
    return table


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # not in an idle pytest run

    try:
        text = path.read_text(encoding="utf-8-sig")  # an editor of Windows may put a byte order mark first
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a null byte in the path
        raise ConfigError(f"the configuration {path} cannot be read: {error}.") from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: a number of more than 4,300 digits
        raise ConfigError(f"{path} is not TOML that can be read: {error}.") from error
