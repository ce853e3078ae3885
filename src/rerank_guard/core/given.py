"""An input is one record: something that is asked of a reranker once, by name, and what that needs.

A function's name is the input's name; its parameters are other inputs. What it needs of a reranker, and whether it comes
after training, follow from its own record and from those of the inputs that it is made from.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

__all__ = ["Cost", "Input", "gives", "method_of"]


class Cost(IntEnum):
    """What has to run before an input is there, cheapest first."""

    STATIC = 0
    ONE_BATCH = 1
    TRAINING = 2
    SCORING = 3


@dataclass(frozen=True)
class Input:
    """The record of one input.

    Attributes:
        make: from other inputs to the value.
        needs: the capability (a protocol of `core.target`) whose method it calls; None where it calls none.
        cost: what has to run before; the highest cost of what it is made from counts as well.
    """

    make: Callable[..., Any]
    needs: type | None = None
    cost: Cost = Cost.STATIC

    @property
    def name(self) -> str:
        """The function's name."""
        return self.make.__name__

    @cached_property
    def inputs(self) -> Mapping[str, inspect.Parameter]:
        """The inputs that it is made from; one with a default is optional."""
        return dict(inspect.signature(self.make).parameters)


def gives(needs: type | None = None, cost: Cost = Cost.STATIC) -> Callable[[Callable[..., Any]], Input]:
    """Make a function the record of an input."""
    return lambda make: Input(make, needs, cost)


def method_of(capability: type) -> str:
    """The method of a protocol as a user would write it: "score_without_adapter(tasks)"."""
    own = [name for name, value in vars(capability).items() if callable(value) and not name.startswith("_")]
    name = own[0] if own else next(name for name in vars(capability) if not name.startswith("_"))
    value = vars(capability)[name]
    if not callable(value):
        return name
    parameters = [parameter for parameter in inspect.signature(value).parameters if parameter != "self"]
    return f"{name}({', '.join(parameters)})"
