"""The names that a configuration may use: checks with their variants, stages, faults."""

from __future__ import annotations

from functools import lru_cache

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.config.layer import unknown_name
from rerank_guard.core.errors import ConfigError
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.stage import Stage

__all__ = ["check_names", "require_check", "require_selector"]


@lru_cache(maxsize=1)
def check_names() -> tuple[str, ...]:
    """The names of all checks and their variants, in suite order."""
    return tuple(name for check in all_checks().values() for name in (check.name, *check.variants))


def require_selector(name: str, where: str) -> None:
    """Refuse a name that is no check, stage or fault.

    Raises:
        ConfigError: with the closest names.
    """
    known = (*check_names(), *(stage.folder for stage in Stage), *all_faults())
    if _plain(name) not in known:
        raise ConfigError(f"{where}: {unknown_name(name, known, 'check, stage or fault')}.")


def require_check(name: str, where: str) -> None:
    """Refuse a name that is no check.

    Raises:
        ConfigError: with the closest names.
    """
    if _plain(name) not in check_names():
        raise ConfigError(f"{where}: {unknown_name(name, check_names(), 'check')}.")


def _plain(name: str) -> str:
    """A name without its cutoff; as it is where what is in the brackets is no cutoff."""
    plain, bracket, cutoff = name.partition("[K=")
    return plain if bracket and cutoff.removesuffix("]").isdecimal() and cutoff.endswith("]") else name
