"""What a run will judge: each check, once a cutoff and once a variant, with the inputs that it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.check import CUTOFF, Check
from rerank_guard.core.given import Cost
from rerank_guard.suite.input_records import cost_of, missing_capabilities, needed_from_run

__all__ = ["Planned", "plan_checks"]


@dataclass(frozen=True)
class Planned:
    """One verdict to be: a check at a cutoff, or a variant of it.

    Attributes:
        check: the record.
        k: the cutoff; None of a check that has none.
        variant: the variant's name; None of the check itself.
    """

    check: Check[...]
    k: int | None = None
    variant: str | None = None

    @property
    def family(self) -> str:
        """The name without a cutoff."""
        return self.variant or self.check.name

    @property
    def name(self) -> str:
        """The verdict's name, such as "recall_beats_baseline[K=20]"."""
        return self.check.name_at(self.k, self.variant)

    @property
    def claim(self) -> str:
        """The sentence that is tested."""
        return self.check.variants[self.variant].claim if self.variant else self.check.claim

    @cached_property
    def inputs(self) -> Mapping[str, str]:
        """Parameter to the input that it gets."""
        replaced = self.check.variants[self.variant].inputs if self.variant else {}
        return {name: replaced.get(name, name) for name in self.check.inputs}

    def is_optional(self, parameter: str) -> bool:
        """Whether the check can do without this input."""
        signature = self.check.inputs[parameter]
        return signature.default is not signature.empty

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The inputs that it cannot do without."""
        return tuple(given for parameter, given in self.inputs.items() if not self.is_optional(parameter))

    @cached_property
    def cost(self) -> Cost:
        """What has to run before it can be judged."""
        return max((cost_of(given) for given in self.inputs.values()), default=Cost.STATIC)

    @property
    def is_statistical(self) -> bool:
        """Whether it has a false-alarm rate, and so belongs to the run's error budget."""
        return any(setting.is_level for setting in self.check.settings.values())

    def missing_from_run(self, given: Collection[str]) -> frozenset[str]:
        """What the run would have to bring for it, such as a reference run, and does not."""
        return needed_from_run(self.required) - frozenset(given)

    def missing(self, reranker: object) -> tuple[type, ...]:
        """The capabilities that the reranker lacks for it."""
        return missing_capabilities(self.required, reranker)


def plan_checks(cutoffs: Sequence[int]) -> tuple[Planned, ...]:
    """All that a run can judge, cheapest first, then by stage.

    Args:
        cutoffs: the K of the checks that run once a cutoff.
    """
    found = [each for check in all_checks().values() for each in _all_of(check, cutoffs)]
    return tuple(sorted(found, key=lambda each: (each.cost, each.check.stage)))  # stable: the records' order within


def _all_of(check: Check[...], cutoffs: Sequence[int]) -> Iterator[Planned]:
    for variant in (None, *check.variants):
        if CUTOFF in check.inputs:
            for k in cutoffs:
                yield Planned(check, k, variant)
        else:
            yield Planned(check, None, variant)
