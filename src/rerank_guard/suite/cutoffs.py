"""Which K of Recall@K a target is judged at, with cutoffs that cannot fail refused."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.core.errors import TargetError, VacuousMetricError
from rerank_guard.core.target import DeclaresCutoffs, RerankTarget
from rerank_guard.metrics import require_informative_cutoff

__all__ = ["DEFAULT_CUTOFFS", "choose_cutoffs"]

DEFAULT_CUTOFFS = (5, 20)
"""Used as far as they lie below the N of most users when neither the caller nor the target names a K."""


def choose_cutoffs(
    explicit: Sequence[int] | None,
    target: RerankTarget,
    n_candidates: Sequence[int],
    *,
    where: str,
) -> tuple[int, ...]:
    """The cutoffs to judge at, ascending and without repeats.

    Explicit ones come first, then the target's own `cutoffs`, then those of `DEFAULT_CUTOFFS` below the N of
    most tasks, and K = 1 where not even the smallest of these is.

    Args:
        explicit: what the caller asks for; None leaves the choice to the target.
        target: asked for `cutoffs` if it has them.
        n_candidates: N of each task, at least one entry.
        where: what messages call the explicit ones, such as "rerank_guard.toml: k".

    Raises:
        VacuousMetricError: an explicit or declared K is below 1, or not below the largest N.
        TargetError: an empty sequence of cutoffs.
    """
    if explicit is not None:
        return _checked(explicit, where, n_candidates)
    if isinstance(target, DeclaresCutoffs):
        return _checked(target.cutoffs, f"the cutoffs of target {target.name!r}", n_candidates)
    defaults = tuple(k for k in DEFAULT_CUTOFFS if 2 * sum(n > k for n in n_candidates) > len(n_candidates)) or (1,)
    return _checked(defaults, "the default cutoffs", n_candidates)


def _checked(cutoffs: Sequence[int], origin: str, n_candidates: Sequence[int]) -> tuple[int, ...]:
    if not cutoffs:
        raise TargetError(f"{origin} are empty: {cutoffs!r}; name at least one K, such as (5,).")
    for k in cutoffs:
        if isinstance(k, bool) or not isinstance(k, int):
            raise TargetError(f"{origin} hold {k!r}, which is not a whole number; give K as int.")
        try:
            require_informative_cutoff(k, n_candidates)
        except VacuousMetricError as error:
            raise VacuousMetricError(f"{origin} hold K={k}: {error}") from error
    return tuple(sorted(set(cutoffs)))
