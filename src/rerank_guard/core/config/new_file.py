"""Writing a configuration: a file of its own, or one table behind what a pyproject.toml holds already."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.config.files import SHARED_FILE
from rerank_guard.core.errors import ConfigError

__all__ = ["append_table", "is_shared", "require_writable", "write_file"]

_HEADER = re.compile(r"\s*\[+\s*tool\s*\.\s*[\"']?rerank_guard\b")


def is_shared(path: Path) -> bool:
    """Whether the configuration is a table among others in this file: a pyproject.toml."""
    return path.name == SHARED_FILE


def require_writable(path: Path, *, force: bool) -> None:
    """Refuse what `write_file` and `append_table` would refuse, before anything expensive is done.

    Args:
        path: of the file.
        force: replace a file of its own that exists. A pyproject.toml holds what others wrote, and is never rewritten.

    Raises:
        ConfigError: the file, or the table in it, exists; the folder, or the pyproject.toml, does not; a pyproject.toml with
            `force`.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}; make it, or name another file with --file.")
    if is_shared(path):
        _require_no_table(path, force=force)
    elif path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file with --file.")
    elif path.exists() and not force:
        raise ConfigError(f"{path} exists; replace it with --force, or name another file with --file.")


def write_file(path: Path, text: str, *, force: bool = False) -> None:
    """Write a configuration file of its own.

    Raises:
        ConfigError: it exists and `force` is not given, or it cannot be written.
    """
    require_writable(path, force=force)
    _writing(path, lambda: replace_text(path, text))


def append_table(path: Path, text: str) -> None:
    """Append a table to a pyproject.toml; no byte of what it holds changes.

    Args:
        path: of the file, which exists.
        text: the table [tool.rerank_guard], with lines that end in a line feed; they are written with the file's own ends.

    Raises:
        ConfigError: it has such a table already, is not TOML, would not be with the table, or cannot be written.
    """
    require_writable(path, force=False)
    before = path.read_bytes()
    end = "\r\n" if b"\r\n" in before else "\n"
    gap = "" if not before else end if before.endswith(b"\n") else end * 2
    added = (gap + text.replace("\n", end)).encode()
    _require_same_rest(path, before.decode(), (before + added).decode())

    def append() -> None:
        with path.open("ab") as stream:
            stream.write(added)

    _writing(path, append)


def _require_no_table(path: Path, *, force: bool) -> None:
    if not path.is_file():
        raise ConfigError(f"there is no {path} to append to; write a file of its own: leave --file out.")
    text, data = _read(path)
    tool = data.get("tool", {})
    if isinstance(tool, Mapping) and "rerank_guard" in tool:
        lines = [str(number) for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
        where = f" (line {', '.join(lines)})" if lines else ""
        raise ConfigError(
            f"{path} has [tool.rerank_guard] already{where}; change its lines there: a {SHARED_FILE} is never rewritten."
        )
    if force:
        raise ConfigError(f"--force is not for a {SHARED_FILE}, which is only appended to; leave it out.")


def _require_same_rest(path: Path, before: str, after: str) -> None:
    """Refuse to write where the file would not be TOML any more, or would say something else besides the new table."""
    import tomllib

    try:
        data = tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"[tool.rerank_guard] cannot be appended to {path} ({error}); write a file of its own: leave --file out."
        ) from error
    rest = {key: value for key, value in data["tool"].items() if key != "rerank_guard"}
    old = tomllib.loads(before)
    if {**data, "tool": rest} != {**old, "tool": old.get("tool", {})}:
        raise ConfigError(
            f"[tool.rerank_guard] would change the rest of {path}; write a file of its own: leave --file out."
        )


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    import tomllib

    try:
        text = path.read_bytes().decode("utf-8")
        return text, tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error


def _writing(path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}.") from error
