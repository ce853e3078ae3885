"""Which printed thresholds a verdict's figures miss."""

from __future__ import annotations

import operator

from rerank_guard.core.verdict import Verdict

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


def missed(verdict: Verdict) -> set[str]:
    """The figures that do not satisfy their sign and threshold; empty of every verdict that passed."""
    signs = verdict.signs or {}
    return {
        figure
        for figure, sign in signs.items()
        if not _HOLDS[sign](verdict.measured[figure], verdict.threshold[figure])
    }
