"""Faults of the candidates' texts: titles that do not tell items apart."""

# ruff: noqa: ARG001  (the functions have the signature of `Rewrite`, whether they draw anything or not)

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.data import DEGENERATE_TITLES
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.rewritten import held_out

__all__ = []


def _blank(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    return replace(task, candidates=tuple(Item(item_id, "") for item_id in task.candidate_ids))


def _equal(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    return replace(task, candidates=tuple(Item(item_id, "Unknown Title") for item_id in task.candidate_ids))


D9A = Injector("D9a", DEGENERATE_TITLES, "the candidates' titles are blank", held_out(_blank))
D9B = Injector("D9b", DEGENERATE_TITLES, "the candidates' titles are all equal", held_out(_equal))
