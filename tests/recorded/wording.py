"""What verdicts and diagnoses say: one block for each check, status and fault, reviewed as a diff.

A block is taken from the first run that shows it. Numbers are compared as such by the records; here they may differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "wording.txt"
Words = dict[str, list[str]]
"""Key such as "gt_in_candidates / failed / target-not-listed" to its lines."""

_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?(e[+-]?\d+)?")


def words_of(report: Any) -> Words:
    """The words of one report: of each verdict that did not pass, of one passed verdict a check, and of the diagnosis."""
    found: Words = {}
    for verdict in report.verdicts:
        check = verdict.check.partition("[")[0]
        key = " / ".join(filter(None, (check, str(verdict.status), verdict.fault)))
        lines = [("claim", verdict.claim), ("cause", verdict.cause), ("next", verdict.next_step)]
        found.setdefault(key, [f"{label}: {text}" for label, text in lines if text])
    if report.diagnosis is not None:
        told = report.diagnosis
        key = f"diagnosis / {told.fault} / {told.certainty}"
        found[key] = [f"cause: {told.cause}", f"fix: {told.fix}", *(f"or: {row}" for row in told.alternatives)]
    return found


def snapshot(words_by_run: Mapping[str, Words]) -> str:
    """The file's text: each key once, from the first run that has it, sorted by key."""
    first: dict[str, tuple[str, list[str]]] = {}
    for run_id, words in words_by_run.items():
        for key, lines in words.items():
            first.setdefault(key, (run_id, lines))
    blocks = []
    for key, (run_id, lines) in sorted(first.items()):
        blocks.append("\n".join([f"== {key} ({run_id})", *(line.replace("\n", " ") for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def owned(run_id: str) -> Words:
    """The blocks that are taken from one run."""
    found: Words = {}
    for block in FILE.read_text(encoding="utf-8").strip().split("\n\n"):
        head, *lines = block.split("\n")
        key, _, owner = head.removeprefix("== ").rpartition(" (")
        if owner.removesuffix(")") == run_id:
            found[key] = lines
    return found


def changed(run_id: str, words: Words) -> Iterable[str]:
    """The blocks of a run that it words otherwise now."""
    for key, lines in owned(run_id).items():
        now = [line.replace("\n", " ") for line in words.get(key, [])]
        if key in words and [_NUMBER.sub("#", line) for line in now] != [_NUMBER.sub("#", line) for line in lines]:
            yield "\n".join(
                [f"{key}: worded otherwise (python -m recorded.record writes it anew)", *lines, "now", *now]
            )
