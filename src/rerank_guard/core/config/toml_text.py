"""Values as TOML: the standard library reads it, and does not write it."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["toml_value"]


def toml_value(value: bool | int | float | str | Sequence[object]) -> str:
    """One line of TOML for a value that an option or a check's setting can have.

    Args:
        value: a finite number, a flag, text, or a list of these.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace(
            "\x7f", "\\u007f"
        )  # a basic string's escapes are JSON's
    if isinstance(value, int | float):
        return repr(value)
    return f"[{', '.join(toml_value(each) for each in value)}]"  # type: ignore[arg-type]
