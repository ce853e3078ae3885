"""New names for old ones in a record, so that a renaming does not hide what else has changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recorded.compare import ANY_OF, family

KINDS = ("checks", "faults", "figures", "runs", "words")


@dataclass(frozen=True)
class Renames:
    """Old name to new name.

    Attributes:
        checks: without their cutoffs.
        faults: what verdicts and diagnoses name.
        figures: keys of measured and threshold, "FIGURE" in every check or "CHECK.FIGURE" in one (its old name).
        runs: ids of runs.
        words: whole words in figures that are text, such as "slot" in "slot 5".
    """

    checks: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Mapping[str, str]]) -> Renames:
        """From the contents of a JSON file.

        Raises:
            ValueError: it has another key than `KINDS`.
        """
        if unknown := sorted(set(given) - set(KINDS)):
            raise ValueError(f"unknown keys {unknown} in the renames; there are {list(KINDS)}")
        return replace(cls(), **given)

    def check(self, name: str) -> str:
        """The new name, with the cutoff as it was."""
        return self.checks.get(family(name), family(name)) + name[len(family(name)) :]

    def fault(self, name: str | None) -> str | None:
        return name and ANY_OF.join(self.faults.get(each, each) for each in name.split(ANY_OF))

    def record(self, old: Mapping[str, Any]) -> dict[str, Any]:
        """The record under the new names."""
        diagnosis = old["diagnosis"]
        return {
            **old,
            "errors": [self.check(name) for name in old["errors"]],
            "diagnosis": diagnosis
            and {
                **diagnosis,
                "fault": self.fault(diagnosis["fault"]),
                "runner_up": self.fault(diagnosis["runner_up"]),
                "alternatives": [self.fault(name) for name in diagnosis["alternatives"]],
                "explains": [self.check(name) for name in diagnosis["explains"]],
            },
            "verdicts": {self.check(name): self._verdict(name, each) for name, each in old["verdicts"].items()},
        }

    def records(self, old: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        return {self.runs.get(run_id, run_id): self.record(each) for run_id, each in old.items()}

    def _verdict(self, check: str, old: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {**old, "fault": self.fault(old["fault"])}
        for name in ("measured", "threshold"):
            renamed[name] = {self._figure(check, key): self._text(value) for key, value in old[name].items()}
        return renamed

    def _figure(self, check: str, name: str) -> str:
        return self.figures.get(f"{family(check)}.{name}", self.figures.get(name, name))

    def _text(self, value: Any) -> Any:
        if not isinstance(value, str) or not self.words:
            return value
        pattern = "|".join(rf"\b{re.escape(word)}\b" for word in sorted(self.words, key=len, reverse=True))
        return re.sub(pattern, lambda found: self.words[found.group()], value)
