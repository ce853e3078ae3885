"""All that is known of a check or a fault, collected from the records; nothing is run and nothing is printed."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rerank_guard.checks.registry import all_checks, check_of
from rerank_guard.core.check import Check
from rerank_guard.core.docstring import Documentation, documentation_of, papers_in
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.fault import Fault
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.setting import Setting
from rerank_guard.faults.catalogue import all_injectors
from rerank_guard.faults.demonstration import Candidate, candidates_of_check, candidates_of_fault
from rerank_guard.faults.injector import Injector
from rerank_guard.suite.needs import COSTS, methods_needed, needs_reference_run
from rerank_guard.suite.planned import Planned

__all__ = [
    "CheckExplanation",
    "Configured",
    "FaultExplanation",
    "SettingExplanation",
    "explain",
    "explain_check",
    "explain_fault",
]

Configured = Mapping[str, Mapping[str, tuple[object, str]]]
"""Check, or variant, to setting to its value and where that was set, such as "pyproject.toml"."""

_AT_CUTOFF = re.compile(r"(?P<name>[^\[]+)\[K=(?P<k>\d+)\]")
_STATISTICS = re.compile(r"`(stats\.\w+)`")


@dataclass(frozen=True, slots=True)
class SettingExplanation:
    """One setting of a check, as it is here.

    Attributes:
        setting: its record, with name, default and bounds.
        value: what it is here.
        origin: where it was set; empty where it was not.
        text: what the check's docstring says of it.
    """

    setting: Setting
    value: object
    origin: str
    text: str

    @property
    def differs(self) -> bool:
        """Whether it is another value than the default."""
        return bool(self.value != self.setting.default)


@dataclass(frozen=True, slots=True)
class CheckExplanation:
    """What is known of a check.

    Attributes:
        planned: the check, with the variant and the cutoff that were asked for.
        documentation: of its function, in parts.
        methods: that the reranker has to have.
        needs_reference: it compares with a reference run.
        runs: when it runs, in words.
        settings: its settings, as they are here.
        papers: the sources of the method, those of the statistics modules that it names included.
    """

    planned: Planned
    documentation: Documentation
    methods: tuple[str, ...]
    needs_reference: bool
    runs: str
    settings: tuple[SettingExplanation, ...]
    papers: tuple[str, ...]

    @property
    def check(self) -> Check[...]:
        """The record."""
        return self.planned.check

    @property
    def variant_of(self) -> str | None:
        """The check that this is a variant of; None of a check itself."""
        return self.check.name if self.planned.variant else None

    def candidates(self) -> Iterator[Candidate]:
        """What may show it failing."""
        return candidates_of_check(self.planned.family)


@dataclass(frozen=True, slots=True)
class FaultExplanation:
    """What is known of a fault.

    Attributes:
        fault: the record.
        named_by, ruled_out_by: names of checks.
        looks_of: checks whose failure, or doubt, looks like it where they name nothing.
        consequences: faults that checks further down name because of it.
        behind: faults that it may be a consequence of.
        injectors: that put it into a reranker.
    """

    fault: Fault
    named_by: tuple[str, ...]
    ruled_out_by: tuple[str, ...]
    looks_of: tuple[str, ...]
    consequences: tuple[str, ...]
    behind: tuple[str, ...]
    injectors: tuple[Injector, ...]

    def candidates(self) -> Iterator[Candidate]:
        """What may show it."""
        return candidates_of_fault(self.fault)


def explain(name: str, configured: Configured | None = None) -> CheckExplanation | FaultExplanation:
    """What is known of a check, a variant, a check at a cutoff ("recall_beats_baseline[K=20]") or a fault.

    Raises:
        UnknownNameError: there is none of this name; the message shows the closest.
    """
    at_cutoff = _AT_CUTOFF.fullmatch(name)
    plain, k = (at_cutoff["name"], int(at_cutoff["k"])) if at_cutoff else (name, None)
    check = check_of(plain) if "[" not in plain else None
    if check is not None and (k is None or check.per == "cutoff"):
        return explain_check(Planned(check, k, plain if plain in check.variants else None), configured)
    if name in all_faults():
        return explain_fault(all_faults()[name])
    if check is not None:
        raise UnknownNameError(f"the check {plain!r} has no cutoff; ask for it without {name[len(plain) :]!r}.")
    raise UnknownNameError(
        f"there is no check and no fault {name!r}{_closest(plain)}. `rerank-guard checks` and `rerank-guard faults` list all."
    )


def explain_check(planned: Planned, configured: Configured | None = None) -> CheckExplanation:
    """What is known of a check.

    Args:
        planned: the check, with the variant and the cutoff that were asked for.
        configured: settings that were set, see `suite.configured.configured_settings`; those of other checks are ignored.
    """
    check = planned.check
    documentation = documentation_of(check.measure)
    given = {
        **(configured or {}).get(check.name, {}),
        **(configured or {}).get(planned.family, {}),
    }
    return CheckExplanation(
        planned,
        documentation,
        methods_needed(planned),
        needs_reference_run(planned),
        COSTS[planned.cost],
        tuple(_setting(each, given, documentation) for each in check.settings.values()),
        tuple(dict.fromkeys((*documentation.papers, *_papers_of_statistics(check.measure.__doc__ or "")))),
    )


def explain_fault(fault: Fault) -> FaultExplanation:
    """What is known of a fault."""
    checks = all_checks()
    return FaultExplanation(
        fault,
        tuple(name for name, check in checks.items() if fault in check.can_name),
        tuple(name for name, check in checks.items() if fault in check.rules_out),
        tuple(name for name, check in checks.items() if check.looks_like is fault),
        tuple(name for name in all_faults() if name in fault.explains and name != fault.name),
        tuple(name for name, other in all_faults().items() if fault.name in other.explains and other is not fault),
        tuple(each for each in all_injectors() if each.fault is fault),
    )


def _setting(
    setting: Setting, given: Mapping[str, tuple[object, str]], documentation: Documentation
) -> SettingExplanation:
    value, origin = given.get(setting.name, (setting.default, ""))
    return SettingExplanation(setting, value, origin, documentation.arguments.get(setting.name, ""))


def _papers_of_statistics(docstring: str) -> Iterator[str]:
    """The papers of the statistics modules that a docstring names, such as `stats.bets`."""
    for name in dict.fromkeys(_STATISTICS.findall(docstring)):
        yield from papers_in(importlib.import_module(f"rerank_guard.{name}").__doc__ or "")


def _closest(name: str) -> str:
    known = [*(every for check in all_checks().values() for every in (check.name, *check.variants)), *all_faults()]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"; the closest are {', '.join(close)}" if close else ""
