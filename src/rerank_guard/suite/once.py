"""A computation that runs once, whether it gives a value or an error; and one that a target may decline."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from rerank_guard.errors import NotOfferedError

__all__ = ["Once", "if_offered"]

T = TypeVar("T")


class Once(Generic[T]):
    """A computation that runs at the first call; later calls get its value, or raise what it raised."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute = compute
        self._value: T | None = None
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        self._done = False

    @property
    def value(self) -> T | None:
        """What has been computed; None as long as it has not been, or when it raised."""
        return self._value

    def __call__(self) -> T:
        """The value, computed at the first call; or what that call raised, raised again."""
        __tracebackhide__ = True  # pytest then shows the target's own frames, which are what the reader needs
        if not self._done:
            try:
                self._value = self._compute()
            except Exception as error:
                self._error, self._traceback = error, error.__traceback__
            self._done = True
        if self._error is not None:
            # The traceback of the first time, which would else grow with each gate that asks again.
            raise self._error.with_traceback(self._traceback)
        return self._value  # type: ignore[return-value]


def if_offered(compute: Callable[[], T], otherwise: T) -> T:
    """What `compute` gives; `otherwise` where the target does not offer it. For what a gate can do without."""
    __tracebackhide__ = True
    try:
        return compute()
    except NotOfferedError:
        return otherwise
