"""The ids of the suite's items: which check, and of which of several rerankers."""

from __future__ import annotations

import re

__all__ = ["GROUPED", "NODE", "THROUGHPUT", "check_of", "is_check", "label_of", "plain_id"]

NODE = "rerank"
"""Node id of the suite; its items are `rerank::<check>`."""

THROUGHPUT = "score_throughput"
"""The item that times and has no verdict."""

GROUPED = "@rerank-guard"
"""Behind the ids that a pytest-xdist worker sends of the items that must run on one worker; on the wire alone."""

_CUTOFF = re.compile(r"K=\d+")


def plain_id(nodeid: str) -> str:
    """An id without what pytest-xdist or this plugin has put behind it."""
    end = nodeid.find("@", nodeid.rfind("]") + 1)
    return nodeid if end < 0 else nodeid[:end]


def is_check(nodeid: str) -> bool:
    """Whether an item of the suite has a verdict."""
    return nodeid.startswith(f"{NODE}::") and check_of(nodeid) != THROUGHPUT


def label_of(nodeid: str) -> str:
    """The id of the fixture's parameter, for one of several rerankers; empty where there is one."""
    label = _bracket(plain_id(nodeid))
    return "" if _CUTOFF.fullmatch(label) else label


def check_of(nodeid: str) -> str:
    """The check with its cutoff, or the check for all cutoffs."""
    name = plain_id(nodeid).partition("::")[2]
    return name if _CUTOFF.fullmatch(_bracket(name)) else name.partition("[")[0]


def _bracket(name: str) -> str:
    return name.partition("[")[2].removesuffix("]")
