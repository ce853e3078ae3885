"""The suite without pytest: `check_reranker(reranker)` judges every check that the reranker's methods allow."""

from rerank_guard.suite.load import load_target, require_target
from rerank_guard.suite.planned import Planned, plan_checks
from rerank_guard.suite.run import check_reranker, report_on
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.suite_run import SuiteRun

__all__ = [
    "Planned",
    "RunSettings",
    "SuiteRun",
    "check_reranker",
    "load_target",
    "plan_checks",
    "report_on",
    "require_target",
]
