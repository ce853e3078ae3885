"""A reranker that counts what it is asked."""

from __future__ import annotations

from collections import Counter

import numpy as np

from guard.builders import make_tasks
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.resolver import Resolver
from rerank_guard.suite.settings import RunSettings

N, USERS = 6, 40


class Asked:
    """Tasks and scores, and a note of each call."""

    name = "counted"

    def __init__(self):
        self.calls = Counter()
        self.order = []

    def note(self, method):
        self.calls[method] += 1
        self.order.append(method)

    def tasks(self):
        self.note("tasks")
        return make_tasks([user % N for user in range(USERS)], [N] * USERS)

    def score(self, tasks):
        self.note("score")
        return [np.arange(task.n_candidates, dtype=np.float64) for task in tasks]


def resolver(reranker, given=None, **settings):
    """The inputs of a run on this reranker."""
    return Resolver(Asking(reranker, RunSettings(**settings)), given or {})
