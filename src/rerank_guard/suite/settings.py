"""How a run is made, whoever starts it: pytest, the command line, or a call of `check_reranker`."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_guard.checks._settings import require_settings
from rerank_guard.core.defaults import ALPHA
from rerank_guard.stored import StoredRun

__all__ = ["RunSettings"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run.

    Attributes:
        cutoffs: the K of Recall@K; None leaves the choice to the reranker, then to those of 5 and 20 below N.
        alpha: false-alarm rate of every statistical check, and of the run's error budget; None for each check's own.
        seed: recorded in the report; the seed of all that the suite draws.
        device: goes into the report where the reranker does not describe itself.
        early_stop: end the training job as soon as its checks have passed; train() must take a `monitor`.
        continue_after_failure: train and score even where a check before the job has failed.
        reference: an earlier run, below which the figures must not have fallen.

    Raises:
        RerankGuardError: alpha outside of (0, 0.5).
    """

    cutoffs: tuple[int, ...] | None = None
    alpha: float | None = None
    seed: int = 0
    device: str | None = None
    early_stop: bool = False
    continue_after_failure: bool = False
    reference: StoredRun | None = None

    def __post_init__(self) -> None:
        if self.alpha is not None:
            require_settings(self.alpha)

    @property
    def budget(self) -> float:
        """The error budget of the run (Holm)."""
        return ALPHA if self.alpha is None else self.alpha
