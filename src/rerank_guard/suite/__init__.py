"""The suite without pytest: `check_reranker(target)` runs every gate that the target's methods allow."""

from rerank_guard.suite.catalogue import gates_for
from rerank_guard.suite.cutoffs import DEFAULT_CUTOFFS, choose_cutoffs
from rerank_guard.suite.gates import Gate, Tier, judge
from rerank_guard.suite.load import load_target, require_target
from rerank_guard.suite.run import check_reranker
from rerank_guard.suite.session import DEFAULT_ALPHA, SuiteSession

__all__ = [
    "DEFAULT_ALPHA",
    "DEFAULT_CUTOFFS",
    "Gate",
    "SuiteSession",
    "Tier",
    "check_reranker",
    "choose_cutoffs",
    "gates_for",
    "judge",
    "load_target",
    "require_target",
]
