"""A check is one record: its function, stage, claim, and the faults that it names and rules out.

Positional parameters are inputs, resolved by name as pytest resolves fixtures; keyword-only parameters are settings. What a
check needs of a reranker, and what it costs, follow from its inputs (`suite.plan`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Literal, ParamSpec

from rerank_guard.core.fault import Fault
from rerank_guard.core.finding import Finding
from rerank_guard.core.setting import Setting, settings_of, unknown_setting
from rerank_guard.core.stage import Stage
from rerank_guard.core.verdict import Verdict
from rerank_guard.core.wording import worded

__all__ = ["CUTOFF", "Check", "Variant", "check"]

P = ParamSpec("P")

CUTOFF = "k"
"""The input that a check of `per="cutoff"` is given once a cutoff."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The same check on other inputs, under a name of its own.

    Attributes:
        inputs: parameter name to the input that it gets instead.
        claim: the sentence that is tested then.
    """

    inputs: Mapping[str, str]
    claim: str


@dataclass(frozen=True)
class Check(Generic[P]):
    """The record of one check. Calling it gives a `Verdict`; `measure` gives the `Finding`.

    Attributes:
        measure: the check's function.
        stage: where in a reranker's making it looks.
        claim: the one sentence that it tests, true when it passes.
        can_name: the faults that it may name.
        rules_out: the faults that cannot be present where it passes.
        looks_like: the fault that its failure or doubt looks like where it names none; None where it always names one.
        per: "cutoff" for a check that runs once a cutoff K and has an input `k`.
        variants: name to the same check on other inputs.
        early: it runs before the others of its stage: what it finds makes their findings its consequences.
        preview: it is new: reported, without failing a run.
    """

    measure: Callable[P, Finding]
    stage: Stage
    claim: str
    can_name: tuple[Fault, ...] = ()
    rules_out: tuple[Fault, ...] = ()
    looks_like: Fault | None = None
    per: Literal["cutoff"] | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)
    early: bool = False
    preview: bool = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Verdict:
        """Measure and word.

        Returns:
            The verdict under the check's own name, with its cutoff where it has one.
        """
        __tracebackhide__ = True
        self.validated({name: value for name, value in kwargs.items() if name in self.settings})
        k = self._bound(*args, **kwargs).get(CUTOFF) if self.per else None
        return worded(self.measure(*args, **kwargs), check=self.name_at(k), claim=self.claim)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.measure.__name__

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        """The function's documentation."""
        return self.measure.__doc__

    @cached_property
    def inputs(self) -> Mapping[str, inspect.Parameter]:
        """The positional parameters by name; one with a default is optional."""
        return {
            name: parameter
            for name, parameter in inspect.signature(self.measure).parameters.items()
            if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        }

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The keyword-only parameters, with their defaults and bounds.

        Raises:
            TypeError: one has no bounds; see `core.setting`.
        """
        return settings_of(self.measure)

    def validated(self, given: Mapping[str, object]) -> Mapping[str, Any]:
        """Settings of this check, each of its type and within its bounds.

        Args:
            given: setting name to value; those that are not given keep their defaults.

        Raises:
            SettingError: the check has no such setting, or the value is not usable.
        """
        known = self.settings
        for name in given:
            if name not in known:
                raise unknown_setting(name, known, self.name)
        return {name: known[name].validated(value) for name, value in given.items()}

    def name_at(self, k: int | None, variant: str | None = None) -> str:
        """The name of a verdict: the check's or the variant's, with "[K=20]" behind it where there is a cutoff."""
        plain = variant or self.name
        return plain if k is None else f"{plain}[K={k}]"

    def _bound(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        return inspect.signature(self.measure).bind_partial(*args, **kwargs).arguments


def check(
    *,
    stage: Stage,
    claim: str,
    can_name: tuple[Fault, ...] = (),
    rules_out: tuple[Fault, ...] = (),
    looks_like: Fault | None = None,
    per: Literal["cutoff"] | None = None,
    variants: Mapping[str, Variant] | None = None,
    early: bool = False,
    preview: bool = False,
) -> Callable[[Callable[P, Finding]], Check[P]]:
    """Make a function the record of a check; see `Check` for the arguments.

    Raises:
        TypeError: a setting without a default or bounds; `per="cutoff"` without an input `k`, or an input `k` without it; a variant of a parameter that does
            not exist; a fault that is no record.
    """

    def record(measure: Callable[P, Finding]) -> Check[P]:
        made = Check(
            measure, stage, claim, can_name, rules_out, looks_like, per, dict(variants or {}), early, preview
        )
        _ = made.settings  # bounds that are missing are an error of the record, not of the first run
        if (CUTOFF in made.inputs) is not (per == "cutoff"):
            raise TypeError(f"check {made.name}: an input `{CUTOFF}` and per='cutoff' go together")
        for name, variant in made.variants.items():
            if unknown := sorted(set(variant.inputs) - set(made.inputs)):
                raise TypeError(
                    f"check {made.name}: variant {name} replaces {unknown[0]!r}, which is no input of it"
                )
        for fault in (*can_name, *rules_out, *((looks_like,) if looks_like is not None else ())):
            if not isinstance(fault, Fault):
                raise TypeError(f"check {made.name}: {fault!r} is no fault record; take one from `core.faults`")
        return made

    return record
