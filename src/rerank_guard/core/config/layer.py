"""One source of configuration, its types checked: a file, the command line, or a mapping."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rerank_guard.core.config.files import FileTable
from rerank_guard.core.config.options import OPTIONS
from rerank_guard.core.errors import ConfigError

__all__ = ["Layer", "layer_of_command_line", "layer_of_file", "layer_of_mapping", "unknown_name"]

_TABLES = ("expected", "checks")
_MOST_SHOWN = 4
"""Closest names in a message."""
_FEW = 15
"""So many names are listed where none is close."""


class Layer(NamedTuple):
    """What one source gives.

    Attributes:
        values: option key to value.
        origins: the same keys to where the value stands, as the report shows it.
        expected: check to the reason why it may fail.
        checks: check to its settings.
        setting_origin: where the settings and the expected failures stand.
    """

    values: Mapping[str, object]
    origins: Mapping[str, str]
    expected: Mapping[str, str]
    checks: Mapping[str, Mapping[str, object]]
    setting_origin: str


def layer_of_file(file: FileTable) -> Layer:
    """Raises: ConfigError: an unknown key, or a value of another type; the message has file and key."""
    return layer_of_mapping(file.table, file.path.name, file.path.parent)


def layer_of_mapping(table: Mapping[str, Any], origin: str, folder: Path) -> Layer:
    """The layer of a table as a file would hold it.

    Args:
        table: key to value.
        origin: what the report and messages call this source.
        folder: what paths are relative to.

    Raises:
        ConfigError: an unknown key, or a value of another type; the message has origin and key.
    """
    known = {option.key: option for option in OPTIONS}
    values: dict[str, object] = {}
    for key, raw in ((str(key), raw) for key, raw in table.items()):
        if key in _TABLES:
            continue
        if key not in known:
            raise ConfigError(f"{origin}: {unknown_name(key, (*known, *_TABLES), 'key')}.")
        try:
            values[key] = known[key].kind.from_file(raw, folder)
        except ValueError as error:
            raise ConfigError(f"{origin}: {key} = {error}.") from error
    expected = _expected(table.get("expected", {}), origin)
    return Layer(values, dict.fromkeys(values, origin), expected, _checks(table.get("checks", {}), origin), origin)


def layer_of_command_line(given: Mapping[str, object], prefix: str) -> Layer:
    """The layer of what `options.given_options` found.

    Raises:
        ConfigError: a `--set` that is not of the form NAME.SETTING=VALUE.
    """
    flags = {option.key: option.flag(prefix) for option in OPTIONS}
    values = {key: value for key, value in given.items() if key in flags}
    checks: dict[str, dict[str, object]] = {}
    texts = given.get("set", ())
    for text in texts if isinstance(texts, Iterable) else ():
        check, setting, value = _set_text(str(text), f"--{prefix}set")
        checks.setdefault(check, {})[setting] = value
    return Layer(values, {key: flags[key] for key in values}, {}, checks, f"--{prefix}set")


def unknown_name(name: str, known: Iterable[str], what: str) -> str:
    """That there is no such name, with the closest ones."""
    names = list(known)
    parts = [each for each in names if name and name in each]
    close = (parts or difflib.get_close_matches(name, names, n=_MOST_SHOWN, cutoff=0.5))[:_MOST_SHOWN]
    if close:
        return f"there is no {what} {name!r}; the closest are {', '.join(close)}"
    if len(names) <= _FEW:
        return f"there is no {what} {name!r}; there are {', '.join(names)}"
    return f"there is no {what} {name!r}; `rerank-guard checks` and `rerank-guard faults` list them"


def _expected(table: object, origin: str) -> dict[str, str]:
    if not isinstance(table, Mapping):
        raise ConfigError(f'{origin}: expected = {table!r} is no table; give check = "reason" in it.')
    for name, reason in table.items():
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(
                f"{origin}: expected.{name} = {reason!r} is no reason; say in quotes why it may fail."
            )
    return {str(name): reason for name, reason in table.items()}


def _checks(table: object, origin: str) -> dict[str, dict[str, object]]:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{origin}: checks = {table!r} is no table; give one a check, [checks.NAME].")
    for name, settings in table.items():
        if not isinstance(settings, Mapping):
            raise ConfigError(f"{origin}: checks.{name} = {settings!r} is no table; give setting = value in it.")
    return {
        str(name): {str(setting): value for setting, value in settings.items()} for name, settings in table.items()
    }


def _set_text(text: str, flag: str) -> tuple[str, str, object]:
    path, separator, value = text.partition("=")
    check, dot, setting = path.strip().rpartition(".")
    if not (separator and dot and check and setting and value.strip()):
        raise ConfigError(f"{flag} {text!r} is not of the form NAME.SETTING=VALUE, such as calibrated.alpha=0.001.")
    return check, setting, _scalar(value.strip())


def _scalar(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
