"""An exception as the report has it: of which type, saying what, and where it was raised."""

from __future__ import annotations

import traceback
from pathlib import Path

from rerank_guard.core.report import RunError

__all__ = ["raised_in"]


def raised_in(check: str, error: BaseException) -> RunError:
    """The report's entry for a check that ended in an exception; its place is that of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return RunError(check, f"{type(error).__name__}: {error}{where}")
