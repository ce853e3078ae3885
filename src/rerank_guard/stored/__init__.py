"""A reference run: a run stored with its conditions, so that later runs can be compared with it, or are refused."""

from __future__ import annotations

from rerank_guard.core.conditions import Fingerprints, RunConditions
from rerank_guard.stored.difference import Difference, differences, undeclared
from rerank_guard.stored.file import read_stored_run, write_stored_run
from rerank_guard.stored.fingerprint import (
    data_fingerprint,
    data_part_fingerprints,
    mapping_fingerprint,
    text_fingerprint,
)
from rerank_guard.stored.run import StoredRun, stored_run_of
from rerank_guard.stored.standing import Standings, standings_of

__all__ = [
    "Difference",
    "Fingerprints",
    "RunConditions",
    "Standings",
    "StoredRun",
    "data_fingerprint",
    "data_part_fingerprints",
    "differences",
    "mapping_fingerprint",
    "read_stored_run",
    "standings_of",
    "stored_run_of",
    "text_fingerprint",
    "undeclared",
    "write_stored_run",
]
