"""How a reranker is asked: with progress, and with what it gave known to be of the right type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rerank_guard.core.errors import TargetError
from rerank_guard.core.target import Progress, RerankTarget
from rerank_guard.core.types import RankingTask
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.stages import ProgressStage, call_unseen, call_with_progress

__all__ = ["Asking"]

T = TypeVar("T")


class Asking:
    """One reranker, with the settings of the run and its progress.

    Args:
        reranker: who is asked.
        settings: of the run.
        progress: called as work goes on; None shows nothing.
    """

    def __init__(self, reranker: RerankTarget, settings: RunSettings, progress: Progress | None = None) -> None:
        self.reranker = reranker
        self.settings = settings
        self._progress = progress

    def capable(self, capability: type[T]) -> T:
        """The reranker, known to have a capability; the resolver asks for no input without it."""
        if not isinstance(self.reranker, capability):
            raise TargetError(f"{self.reranker.name!r} is no {capability.__name__}.")
        return self.reranker

    def stage(self, name: str) -> ProgressStage:
        """The progress of one piece of work."""
        return ProgressStage(self._progress, name)

    def ask(self, method: Callable[..., object], tasks: Sequence[RankingTask], what: str) -> object:
        """Call a method on tasks, with progress under the name `what`."""
        __tracebackhide__ = True
        stage = self.stage(what)
        stage(0, len(tasks))
        answer = _listed(call_with_progress(method, _copied(tasks), stage))
        stage(len(tasks), len(tasks))
        return answer

    def ask_unseen(self, method: Callable[..., object], tasks: Sequence[RankingTask]) -> object:
        """The same of a call that is too short to show."""
        __tracebackhide__ = True
        return _listed(call_unseen(method, _copied(tasks)))

    def typed(self, value: object, kind: type[T], method: str) -> T:
        """What a method gave, known to be of its kind.

        Raises:
            TargetError: it is of another type; the message shows it.
        """
        if not isinstance(value, kind):
            raise self.wrong(f"{method} gave {value!r:.200}; return a {kind.__name__} from it")
        return value

    def wrong(self, what: str) -> TargetError:
        """The error that says what is wrong with the reranker."""
        return TargetError(f"{self.reranker.name!r}: {what}.")


def _copied(tasks: Sequence[RankingTask]) -> Sequence[RankingTask]:
    """The tasks in a list of their own, which the reranker may do with as it likes; what cannot be changed as it is."""
    return list(tasks) if isinstance(tasks, list) else tasks


def _listed(answer: object) -> object:
    """An answer that can be read more than once: what a generator gives is read here, while the reranker is at work."""
    return list(answer) if isinstance(answer, Iterator) else answer
