"""Makes each input once, from the inputs that it names, and remembers it, or what it raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rerank_guard.core.check import CUTOFF
from rerank_guard.core.errors import NotOfferedError, UnusablePromptsError
from rerank_guard.core.given import Cost
from rerank_guard.core.target import RerankTarget, Trains
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.contained import must_be_offered, no_exit, own_arithmetic
from rerank_guard.suite.input_records import (
    ASKING,
    RUN_GIVEN,
    depends_on_cutoff,
    input_named,
    missing_capabilities,
)

__all__ = ["Resolver"]

_Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception
    traceback: TracebackType | None


class Resolver:
    """The inputs of one run.

    What the reranker raises is not swallowed; asking again raises the same error without asking the reranker again, so that
    a training job that broke is not started once a check.

    Args:
        asking: the reranker with the settings of the run.
        given: inputs that the run itself brings, by name.
    """

    def __init__(self, asking: Asking, given: Mapping[str, object]) -> None:
        self._asking = asking
        self._given = dict(given)
        self._made: dict[_Key, Any] = {}
        self._raised: dict[_Key, _Raised] = {}

    def get(self, name: str, k: int | None = None) -> Any:
        """An input, made at the first call; or what that call raised, raised again.

        Args:
            name: of the input.
            k: the cutoff, for inputs that depend on it.
        """
        __tracebackhide__ = True  # pytest then shows the reranker's own frames, which are what the reader needs
        if name in (ASKING, CUTOFF) or name in RUN_GIVEN:
            return {ASKING: self._asking, CUTOFF: k, **self._given}[name]
        key = (name, k if depends_on_cutoff(name) else None)
        if key in self._raised:
            # The traceback of the first time, which would else grow with each check that asks again.
            raise self._raised[key].error.with_traceback(self._raised[key].traceback)
        if key not in self._made:
            try:
                self._made[key] = self._make(name, k)
            except Exception as error:
                self._raised[key] = _Raised(error, error.__traceback__)
                raise
        return self._made[key]

    def optional(self, name: str, k: int | None = None) -> Any:
        """An input that its user can do without: None where the reranker does not offer it."""
        __tracebackhide__ = True
        if name in RUN_GIVEN:
            return self._given.get(name)
        if missing_capabilities((name,), self._asking.reranker):
            return None
        try:
            return self.get(name, k)
        except (NotOfferedError, UnusablePromptsError):  # of the latter, those that need the prompts say so
            return None

    def made(self, name: str) -> Any:
        """An input if it has been made; None as long as it has not. Starts nothing."""
        return self._made.get((name, None))

    def trained(self) -> Any:
        """Train if the reranker does; its trace, or None of a reranker without a training job.

        One that has train() and says that its present configuration has no job is scored as it is.
        """
        __tracebackhide__ = True
        if not isinstance(self._asking.reranker, Trains):
            return None
        try:
            return self.get("training_trace")
        except NotOfferedError:
            return None

    def _make(self, name: str, k: int | None) -> Any:
        __tracebackhide__ = True
        record = input_named(name)
        arguments = {}
        for inner, parameter in record.inputs.items():  # a comprehension would be a frame that pytest shows
            make = self.get if parameter.default is parameter.empty else self.optional
            arguments[inner] = make(inner, k)
        if record.cost is Cost.SCORING:
            self.trained()
        with no_exit(name):
            if record.needs is RerankTarget:
                with must_be_offered(name):
                    return record.make(**arguments)
            if record.needs is None:
                with own_arithmetic():
                    return record.make(**arguments)
            return record.make(**arguments)
