"""`check_reranker`: judge every check that a reranker's methods allow, and report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rerank_guard.core.config.configuration import configuration_from
from rerank_guard.core.report import Report, RunError
from rerank_guard.core.target import Progress, RerankTarget
from rerank_guard.core.verdict import Verdict
from rerank_guard.suite.check_error import raised_in
from rerank_guard.suite.configured import reference_of, run_settings_of
from rerank_guard.suite.diagnose import diagnose_run
from rerank_guard.suite.error_budget import within_budget
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.suite_run import SuiteRun

__all__ = ["check_reranker", "report_on"]


def check_reranker(
    reranker: RerankTarget,
    settings: RunSettings | None = None,
    *,
    config: str | Path | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run every check that the reranker's methods allow, and report.

    A reranker with `train` is trained once, before anything is scored; scores are taken once.

    Args:
        reranker: who is judged.
        settings: cutoffs, level, seed and the like; see `RunSettings`.
        config: in place of `settings`, a configuration file (pyproject.toml, or a file that holds the table alone), or
            what one would hold, such as {"alpha": 0.01, "ignore": ["calibrated"]}.
        progress: called as training and scoring go on.

    Raises:
        ConfigError: the configuration has an unknown key or name, or a value that is not usable.
        TypeError: both `settings` and `config`.
        VacuousMetricError: a cutoff is at or above every N.
        TargetError, InvalidTaskError: the reranker does not meet `RerankTarget`, or has no usable task.
        Exception: whatever the reranker's own methods raise before any check has failed.
    """
    if config is not None:
        if settings is not None:
            raise TypeError("check_reranker() got both settings and config; give one of them")
        given = configuration_from(config)
        settings = run_settings_of(given, reference=reference_of(given))
    return report_on(SuiteRun(reranker, settings, progress=progress))


def report_on(run: SuiteRun) -> Report:
    """Judge every check of a run, and diagnose.

    A check that raises itself is an error of that check alone. Where a check before the job has failed already, what the reranker raises after it is a consequence rather than news: it
    is written into the report's errors, and the diagnosis is given all the same.

    Raises:
        Exception: as `check_reranker`.
    """
    judged: list[Verdict] = []
    errors: list[RunError] = []
    for planned in run.planned():
        known = bool(run.failed_before_training)
        try:
            run.prepare(planned)
        except Exception as error:
            if not known:
                raise
            errors.append(raised_in(planned.name, error))
            continue
        try:
            judged.append(run.judge(planned))
        except Exception as error:  # the check's own: the others are judged all the same
            errors.append(raised_in(planned.name, error))
    verdicts = within_budget(judged, run.settings.budget)
    return Report(
        run.subject(),
        verdicts,
        tuple(errors),
        diagnosis=diagnose_run(run, verdicts, run.settings, errors),
        configured=run.settings.differing(),
    )
