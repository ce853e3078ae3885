"""The stages of a reranker's making, in causal order."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Stage"]


class Stage(IntEnum):
    """Where a fault is, and what a check looks at first: what is wrong early explains what fails later."""

    DATA = 0
    ANSWER_TOKENS = 1
    PROMPTS = 2
    SUPERVISION = 3
    TRAINING = 4
    SAVED_MODEL = 5
    SCORING = 6
    QUALITY = 7

    @property
    def folder(self) -> str:
        """The folder of `checks/` that holds the stage's checks."""
        return self.name.lower()
