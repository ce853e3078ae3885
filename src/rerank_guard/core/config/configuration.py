"""The configuration of a run: all sources in one, and where each value came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rerank_guard.core.config.files import find_tables, read_table
from rerank_guard.core.config.layer import Layer, layer_of_command_line, layer_of_file, layer_of_mapping
from rerank_guard.core.errors import ConfigError

__all__ = ["Configuration", "Given", "configuration_from", "read_configuration"]


class Given(NamedTuple):
    """A value that somebody gave, and where."""

    value: Any
    origin: str


class Configuration(NamedTuple):
    """What all sources give together; nothing that is at its default.

    Attributes:
        options: option key to value.
        expected: check to the reason why it may fail.
        checks: check to setting to value.
        check_origins: check to the last source that has a table or a setting of it, also where the table is empty.
    """

    options: Mapping[str, Given]
    expected: Mapping[str, Given]
    checks: Mapping[str, Mapping[str, Given]]
    check_origins: Mapping[str, str]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of an option, else `default`."""
        given = self.options.get(key)
        return default if given is None else given.value


def read_configuration(given: Mapping[str, object], prefix: str, start: Path) -> Configuration:
    """The files of a folder or its parents, and what the command line gave over them.

    Args:
        given: what `options.given_options` found; its "config" names the one file to read.
        prefix: of the command line's options.
        start: the folder in which the search begins.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, or a value of another type.
    """
    named = given.get("config")
    files = [read_table(start / str(named))] if named is not None else find_tables(start)
    return merged([*(layer_of_file(file) for file in files), layer_of_command_line(given, prefix)])


def configuration_from(source: str | Path | Mapping[str, Any]) -> Configuration:
    """The configuration in a file, or in a mapping that holds what a file would.

    Raises:
        ConfigError: as `read_configuration`.
    """
    if isinstance(source, Mapping):
        return merged([layer_of_mapping(source, "config", Path.cwd())])
    if isinstance(source, str | Path):
        return merged([layer_of_file(read_table(Path(source).absolute()))])
    raise ConfigError(f"config={source!r} is neither a path nor a mapping; give one of them.")


def merged(layers: Sequence[Layer]) -> Configuration:
    """Several sources in one; a later one wins, setting by setting."""
    options: dict[str, Given] = {}
    expected: dict[str, Given] = {}
    checks: dict[str, dict[str, Given]] = {}
    check_origins: dict[str, str] = {}
    for layer in layers:
        options |= {key: Given(value, layer.origins[key]) for key, value in layer.values.items()}
        expected |= {name: Given(reason, layer.setting_origin) for name, reason in layer.expected.items()}
        check_origins |= dict.fromkeys(layer.checks, layer.setting_origin)
        for name, settings in layer.checks.items():
            checks.setdefault(name, {}).update(
                {key: Given(value, layer.setting_origin) for key, value in settings.items()}
            )
    return Configuration(options, expected, checks, check_origins)
