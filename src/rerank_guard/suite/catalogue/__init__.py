"""All gates in suite order: the cheapest and most upstream first."""

from __future__ import annotations

from rerank_guard.suite.catalogue.prompts import PROMPT_GATES
from rerank_guard.suite.catalogue.quality import quality_gates
from rerank_guard.suite.catalogue.scoring import SCORING_GATES
from rerank_guard.suite.catalogue.static import DATA_GATES, LETTER_GATES, PLAN_GATES
from rerank_guard.suite.catalogue.training import TRAINING_GATES
from rerank_guard.suite.gates import Gate
from rerank_guard.suite.session import SuiteSession

__all__ = ["gates_for"]


def gates_for(session: SuiteSession) -> tuple[Gate, ...]:
    """All gates in suite order, those of Recall@K once a cutoff.

    Raises:
        VacuousMetricError, InvalidTaskError, TargetError: see `SuiteSession.cutoffs`.
    """
    return (
        *DATA_GATES,
        *LETTER_GATES,
        *PROMPT_GATES,
        *PLAN_GATES,
        *TRAINING_GATES,
        *SCORING_GATES,
        *quality_gates(session),
    )
