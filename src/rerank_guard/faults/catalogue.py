"""All faults, in the order in which a reranker is made."""

from __future__ import annotations

import difflib

from rerank_guard.errors import RerankGuardError
from rerank_guard.faults.baseline import BASELINE_FAULTS
from rerank_guard.faults.data import DATA_FAULTS
from rerank_guard.faults.fault import Fault
from rerank_guard.faults.letters import LETTER_FAULTS
from rerank_guard.faults.metrics import METRIC_FAULTS
from rerank_guard.faults.prompts import PROMPT_FAULTS
from rerank_guard.faults.scores import SCORE_FAULTS
from rerank_guard.faults.training import TRAINING_FAULTS

__all__ = ["UnknownFaultError", "all_faults", "fault", "readings"]


class UnknownFaultError(RerankGuardError, KeyError):
    """There is no fault of this id."""

    __str__ = Exception.__str__  # KeyError's own puts quotes around the message


def all_faults() -> tuple[Fault, ...]:
    """Every fault there is, upstream first."""
    return (
        *DATA_FAULTS,
        *LETTER_FAULTS,
        *PROMPT_FAULTS,
        *TRAINING_FAULTS,
        *SCORE_FAULTS,
        *METRIC_FAULTS,
        *BASELINE_FAULTS,
    )


def fault(zoo_id: str) -> Fault:
    """The fault of an id such as "D1", upper or lower case; "D5" is the first of its readings, "D5a".

    Raises:
        UnknownFaultError: there is none; the message shows the closest.
    """
    return readings(zoo_id)[0]


def readings(zoo_id: str) -> tuple[Fault, ...]:
    """All readings of a fault: "D5" gives "D5a", "D5b" and so on, "D5b" itself alone.

    Raises:
        UnknownFaultError: there is none; the message shows the closest.
    """
    wanted = zoo_id.strip().lower()
    found = tuple(
        each
        for each in all_faults()
        if each.zoo_id.lower() == wanted or (each.zoo_id[:-1].lower() == wanted and each.zoo_id[-1].isalpha())
    )
    if found:
        return found
    known = {each.zoo_id.lower(): each.zoo_id for each in all_faults()}
    close = [known[key] for key in difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)]
    hint = f"; the closest are {', '.join(close)}" if close else ""
    raise UnknownFaultError(f"there is no fault {zoo_id!r}{hint}. `rerank_guard.faults.all_faults()` lists all.")
