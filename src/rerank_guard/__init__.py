"""rerank-guard: tests that fail when an LLM reranker is silently broken, and that name the fault.

The names below and every check are imported when they are first used, so that an idle pytest run imports no numpy:

    from rerank_guard import Item, RankingTask, check_reranker, gt_in_candidates
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

_PUBLIC = {
    "CallableTarget": "adapters.callable",
    "Diagnosis": "core.diagnosis",
    "Item": "core.types",
    "LetterTable": "core.types",
    "LetterToken": "core.types",
    "NotOfferedError": "core.errors",
    "RankingTask": "core.types",
    "RerankGuardError": "core.errors",
    "RerankTarget": "core.target",
    "Report": "core.report",
    "RunSettings": "suite.settings",
    "ScoringPrompt": "core.prompts",
    "Status": "core.verdict",
    "TaskTable": "core.task_table",
    "TraceRecorder": "recording.recorder",
    "TrainingPrompt": "core.prompts",
    "TrainingTrace": "core.types",
    "Verdict": "core.verdict",
    "assert_passed": "report.assertions",
    "assert_report_ok": "report.assertions",
    "check_reranker": "suite.run",
}
"""Name to the module that has it. The checks are not listed: each is found by its file."""


def __getattr__(name: str) -> Any:
    """A public name, or a check."""
    module = _PUBLIC.get(name) or _module_of_check(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    """The public names and the checks."""
    return sorted({*globals(), *_PUBLIC, *(path.stem for path in _check_files())})


def _module_of_check(name: str) -> str | None:
    if name.startswith("_"):
        return None
    found = next((path for path in _check_files() if path.stem == name), None)
    return None if found is None else f"checks.{found.parent.name}.{found.stem}"


def _check_files() -> list[Path]:
    folders = (path for path in (Path(__file__).parent / "checks").iterdir() if path.name != "comparing")
    files = (file for folder in folders if folder.is_dir() for file in folder.glob("[!_]*.py"))
    return sorted(files)
