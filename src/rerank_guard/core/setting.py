"""What a check's setting may be: its bounds stand in the annotation, and are checked wherever the setting comes from.

def my_check(scores: Scores, *, alpha: Level = 1e-3, max_share: Share = 0.1) -> Finding: ...
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from rerank_guard.core.defaults import ALPHA
from rerank_guard.core.errors import SettingError

__all__ = [
    "Bounds",
    "Count",
    "Excess",
    "FixedLevel",
    "Level",
    "NeededCount",
    "NeededShare",
    "Positive",
    "Ratio",
    "Rounding",
    "Setting",
    "Share",
    "require_level",
    "settings_of",
    "unknown_setting",
]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that a setting may have.

    Attributes:
        low, high: the ends; high may be infinite, which itself is never a value.
        low_excluded, high_excluded: whether an end itself is refused.
        what: what such a value is called, for messages.
    """

    low: float
    high: float = math.inf
    low_excluded: bool = False
    high_excluded: bool = False
    what: str = "number"

    def contain(self, value: float) -> bool:
        """Whether a value is within; NaN and the infinities never are."""
        above = value > self.low if self.low_excluded else value >= self.low
        below = value < self.high if self.high_excluded else value <= self.high
        return math.isfinite(value) and above and below

    def __str__(self) -> str:
        start = f"{'above' if self.low_excluded else 'from'} {self.low:g}"
        if self.high == math.inf:
            return start if self.low_excluded else f"{start} on"
        end = f"{'below ' if self.high_excluded else ''}{self.high:g}"
        if self.low_excluded:
            return f"{start} and {end if self.high_excluded else f'at most {end}'}"
        return f"{start} to {end}"


Level = Annotated[float, Bounds(0.0, 0.5, low_excluded=True, high_excluded=True, what="level")]
"""The false-alarm rate of a statistical check. A parameter of this type follows the run's `alpha`."""

FixedLevel = Annotated[float, Bounds(0.0, 0.5, low_excluded=True, high_excluded=True, what="second level")]
"""A second level beside the false-alarm rate, which keeps its own value whatever the run's `alpha`."""

Share = Annotated[float, Bounds(0.0, 1.0, high_excluded=True, what="share")]
"""A tolerated share or difference of shares, below 1."""

NeededShare = Annotated[float, Bounds(0.0, 1.0, low_excluded=True, what="share")]
"""A share that is needed, above 0."""

Excess = Annotated[float, Bounds(0.0, 0.5, low_excluded=True, high_excluded=True, what="excess")]
"""A tolerated excess over a mean that may be 1/2, so that the mean can still be above it."""

Rounding = Annotated[float, Bounds(0.0, 0.01, what="tolerance")]
"""How far rounding may move a figure in [0, 1]."""

Ratio = Annotated[float, Bounds(0.0, what="number")]
"""A tolerated number that is at least 0."""

Positive = Annotated[float, Bounds(0.0, low_excluded=True, what="number")]
"""A number above 0."""

Count = Annotated[int, Bounds(0, what="count")]
"""A tolerated number of things, at least 0."""

NeededCount = Annotated[int, Bounds(1, what="count")]
"""A needed number of things, at least 1."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a check.

    Attributes:
        name: the keyword-only parameter.
        default: its value unless it is set.
        kind: float, int or bool.
        bounds: of its values; None of a bool.
        is_level: it is the false-alarm rate, and follows the run's `alpha`.
    """

    name: str
    default: Any
    kind: type
    bounds: Bounds | None
    is_level: bool

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.bounds is None:
            return "true or false"
        return f"{'whole number ' if self.kind is int else ''}{self.bounds}"

    def validated(self, value: object) -> Any:
        """The value, as `kind`.

        Raises:
            SettingError: another type, or outside of the bounds; the message shows the value and what is allowed.
        """
        if self.kind is bool:
            if isinstance(value, bool):
                return value
            raise SettingError(f"{self.name}={value!r} is neither true nor false; give one of them.")
        number = _as_float(value)
        if number is None or (self.kind is int and not number.is_integer()):
            what = "whole number" if self.kind is int else "number"
            raise SettingError(
                f"{self.name}={value!r} is no {what}; give one {self.bounds}, such as {self.default!r}."
            )
        if self.bounds is not None and not self.bounds.contain(number):
            raise SettingError(
                f"{self.name}={value!r} is no usable {self.bounds.what}; give a number {self.bounds}, such as "
                f"{self.default!r}."
            )
        return self.kind(value) + 0  # -0.0 becomes 0.0


def settings_of(function: Callable[..., object]) -> Mapping[str, Setting]:
    """The settings of a check's function: its keyword-only parameters.

    Raises:
        TypeError: one has no default, or is not annotated with one of the types of this module or bool.
    """
    return {
        name: _setting(function, parameter)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def require_level(name: str, value: float) -> None:
    """Refuse what is no false-alarm rate.

    Args:
        name: of the setting, for the message.
        value: as it was given.

    Raises:
        SettingError: outside of (0, 0.5).
    """
    Setting(name, ALPHA, float, get_args(Level)[1], is_level=True).validated(value)


def unknown_setting(name: str, known: Mapping[str, object], owner: str) -> SettingError:
    """The error for a setting that a check does not have, with the closest names."""
    if not known:
        return SettingError(f"{owner} has no settings, and so no {name!r}.")
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
    return SettingError(f"{owner} has no setting {name!r}; it has {', '.join(close)}.")


def _as_float(value: object) -> float | None:
    """A number as float, infinite where it is too large for one; None of anything else, such as True."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _setting(function: Callable[..., object], parameter: inspect.Parameter) -> Setting:
    annotation = parameter.annotation
    if isinstance(annotation, str):  # `from __future__ import annotations`
        annotation = eval(annotation, getattr(function, "__globals__", {}))
    where = f"check {function.__name__}: setting {parameter.name}"
    if parameter.default is inspect.Parameter.empty:
        raise TypeError(f"{where} has no default; a check runs without being configured")
    if annotation is bool:
        return Setting(parameter.name, parameter.default, bool, None, is_level=False)
    kind, *extra = get_args(annotation) or (annotation,)
    bounds = next((each for each in extra if isinstance(each, Bounds)), None)
    if bounds is None:
        raise TypeError(f"{where} is annotated with {annotation!r}; use a type of core.setting, which has bounds")
    setting = Setting(parameter.name, parameter.default, kind, bounds, is_level=annotation is Level)
    setting.validated(parameter.default)
    return setting
