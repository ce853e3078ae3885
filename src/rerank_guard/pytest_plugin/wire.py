"""What the items of the suite tell the process that writes the report: JSON text, so that JUnit and pytest-xdist keep it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rerank_guard.core.diagnosis import Certainty, Diagnosis, Suspect
from rerank_guard.core.report import RunError, Subject, TrainingSummary
from rerank_guard.core.verdict import Verdict
from rerank_guard.report.json import dumps, strict_json, verdict_to_json_dict

__all__ = [
    "DIAGNOSES",
    "ERROR_PROPERTY",
    "SUBJECT_PROPERTY",
    "VERDICT_PROPERTY",
    "diagnoses_from",
    "diagnoses_text",
    "error_property",
    "subject_from",
    "subject_property",
    "verdict_property",
]

VERDICT_PROPERTY = "rerank_verdict"
"""Name of the user property that carries a verdict; an item of several cutoffs has several."""

SUBJECT_PROPERTY = "rerank_subject"
"""Name of the user property that says who was judged, also where an item ended without a verdict."""

ERROR_PROPERTY = "rerank_error"
"""Name of the user property that carries the exception of a check's own."""

DIAGNOSES = "rerank_guard_diagnoses"
"""Where a pytest-xdist worker puts its diagnoses, for which it alone can read the scores otherwise."""


def verdict_property(verdict: Verdict, position: int, subject: Subject) -> str:
    """A verdict with its place in the suite and the report's head, as JSON text."""
    return dumps(
        {"position": position, "verdict": verdict_to_json_dict(verdict), "subject": strict_json(asdict(subject))}
    )


def subject_property(subject: Subject) -> str:
    """The report's head as JSON text."""
    return dumps(strict_json(asdict(subject)))


def subject_from(data: dict[str, Any]) -> Subject:
    """The head that `subject_property` was given."""
    training = data.pop("training")
    return Subject(**data, training=None if training is None else TrainingSummary(**training))


def error_property(error: RunError) -> str:
    """An exception of a check as JSON text."""
    return dumps(asdict(error))


def diagnoses_text(diagnoses: Mapping[str, Diagnosis]) -> str:
    """Label to diagnosis, as JSON text."""
    return dumps({label: strict_json(asdict(diagnosis)) for label, diagnosis in diagnoses.items()})


def diagnoses_from(text: str) -> dict[str, Diagnosis]:
    """What `diagnoses_text` was given."""
    return {label: _diagnosis(data) for label, data in json.loads(text).items()}


def _diagnosis(data: dict[str, Any]) -> Diagnosis:
    runner_up = data["runner_up"]
    return Diagnosis(
        fault=data["fault"],
        certainty=Certainty(data["certainty"]),
        cause=data["cause"],
        evidence=tuple(data["evidence"]),
        fix=data["fix"],
        explains=tuple(data["explains"]),
        runner_up=None if runner_up is None else Suspect(**runner_up),
        alternatives=tuple(data["alternatives"]),
    )
