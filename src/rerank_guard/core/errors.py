"""The error tree: every error this package raises on purpose derives from `RerankGuardError`.

Each message says what is wrong, shows the offending value, and names the fix.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "InvalidScoresError",
    "InvalidTaskError",
    "InvalidTraceError",
    "NotOfferedError",
    "NothingToJudgeError",
    "RerankGuardError",
    "SettingError",
    "StoredRunError",
    "TargetError",
    "UnknownNameError",
    "UnusablePromptsError",
    "VacuousMetricError",
]


class RerankGuardError(Exception):
    """Base of all errors raised on purpose by rerank_guard."""


class ConfigError(RerankGuardError, ValueError):
    """The configuration has an unknown key, check or setting, or a value that is not usable; the message has file and key."""


class InvalidTaskError(RerankGuardError, ValueError):
    """A ranking task is malformed: no candidates, a single one, an empty id, an index of the wrong type."""


class UnusablePromptsError(InvalidTaskError):
    """Training or scoring prompts do not belong to the tasks, or the builder refused some of them.

    A check that needs them is failed; one that can do without them is judged without.
    """


class InvalidScoresError(RerankGuardError, ValueError):
    """Scores or probabilities are not finite, or their shape is not that of the candidates."""


class InvalidTraceError(RerankGuardError, ValueError):
    """A training trace's arrays do not belong together, or hold impossible values."""


class VacuousMetricError(RerankGuardError, ValueError):
    """The metric cannot fail: Recall@K with K >= N is 1 by construction."""


class TargetError(RerankGuardError):
    """A `--rerank-target` cannot be loaded, or does not meet the `RerankTarget` protocol."""


class StoredRunError(RerankGuardError, ValueError):
    """A stored run cannot be read, written or made: a missing, damaged or edited file, or values it cannot hold."""


class NotOfferedError(RerankGuardError, NotImplementedError):
    """A target has a method, but not in its present configuration (no adapter to switch off, say).

    Raised by the target itself; the check then does not apply, and shows the message.
    """


class NothingToJudgeError(RerankGuardError):
    """The reranker's code asked to end or skip the run, or says that what every reranker must offer is not offered."""


class SettingError(RerankGuardError, ValueError):
    """A setting of a check or of a run has a value of another type, outside of its bounds, or is not known."""


class UnknownNameError(RerankGuardError, KeyError):
    """There is no check, fault, input or figure of this name; the message shows the closest."""

    __str__ = Exception.__str__  # KeyError's own puts quotes around the message
