"""Whom an evaluation speaks for: all its users, with those left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rerank_guard.core.errors import InvalidTaskError

__all__ = ["Population"]


@dataclass(frozen=True, slots=True)
class Population:
    """All users (or queries) that an evaluation speaks for, and those among them that have no task.

    A reason is harmless if it was settled before anyone knew what the user took next: a history that is too short
    leaves the user out whatever the target is. Every other reason ("target not retrieved", "target too new", "list
    shorter than N") takes out just the users who would have been misses, so a reason counts as such unless it is named
    in `independent_of_target`.

    Attributes:
        n_users: with those left out.
        left_out: reason to number of users without a task; each user under one reason.
        independent_of_target: the harmless ones among the reasons.

    Raises:
        InvalidTaskError: a count that is no whole number from 0, more users left out than there are, or a harmless
            reason that is not among the reasons.
    """

    n_users: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    independent_of_target: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _require_count("n_users", self.n_users)
        for reason, count in self.left_out.items():
            _require_count(f"left_out[{reason!r}]", count)
        if self.n_left_out > self.n_users:
            raise InvalidTaskError(
                f"{self.n_left_out} users are left out of a population of {self.n_users}; n_users counts all users, "
                "with those left out, and each of them has one reason."
            )
        if strangers := sorted(set(self.independent_of_target) - set(self.left_out)):
            raise InvalidTaskError(
                f"{strangers[0]!r} is declared independent of the target, but no user is left out for it (reasons: "
                f"{', '.join(map(repr, self.left_out)) or 'none'}); spell it as in left_out."
            )

    @property
    def n_left_out(self) -> int:
        """Users without a task, whatever the reason."""
        return sum(self.left_out.values())

    @property
    def n_left_out_by_target(self) -> int:
        """Users without a task for a reason that is not declared independent of the target."""
        return sum(n for reason, n in self.left_out.items() if reason not in self.independent_of_target)


def _require_count(what: str, count: object) -> None:
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 0:
        raise InvalidTaskError(f"the population's {what} is {count!r}; give a whole number of users, from 0.")
