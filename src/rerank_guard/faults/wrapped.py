"""A reranker around another one: some of its methods replaced, all others as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from rerank_guard.core import target as protocols
from rerank_guard.core.target import Progress, RerankTarget
from rerank_guard.core.types import TrainingTrace
from rerank_guard.recording.monitor import TrainingMonitor

__all__ = ["TrainedOnce", "Wrapped", "ask", "lacks", "methods_of", "only_had"]


class Wrapped:
    """A reranker with all the capabilities of another one, some of its methods replaced.

    A capability is found by `isinstance(target, Protocol)`. From Python 3.12 on this looks with `inspect.getattr_static`,
    which a `__getattr__` does not answer, so the wrapped reranker's methods are put into the instance itself. Whatever is
    not part of a protocol is passed on when it is asked for.

    The wrapped reranker is not changed.

    Args:
        target: the reranker to wrap.
        replaced: attribute name to its replacement. A method that the wrapped reranker lacks is added, which gives the
            wrapper that capability; see `only_had` where this is not wanted.
    """

    def __init__(self, target: RerankTarget, **replaced: object) -> None:
        own: dict[str, Any] = vars(self)
        own["_wrapped"] = target
        own.update({name: getattr(target, name) for name in _members() if hasattr(target, name)})
        own.update(replaced)

    def __getattr__(self, name: str) -> Any:
        # Only reached for what is not in the instance. Dunder names are those of copying and pickling: not passed on.
        if name.startswith("__") or "_wrapped" not in vars(self):
            raise AttributeError(name)
        return getattr(vars(self)["_wrapped"], name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Wrapped:
        return self  # holds bound methods of a reranker that may be a model on a device


class TrainedOnce(Wrapped):
    """A reranker whose training job, and smoke training on one batch, run once; later calls return what was recorded.

    Dozens of wrappers around one base then share one job. A reranker without a job is wrapped as it is.
    """

    def __init__(self, target: RerankTarget) -> None:
        super().__init__(target)
        if isinstance(target, protocols.Trains):
            vars(self)["train"] = (
                _RecordedMonitored(target.train) if _takes(target.train, "monitor") else _Recorded(target.train)
            )
        if isinstance(target, protocols.TrainsOneBatch):
            vars(self)["train_one_batch"] = _Recorded(target.train_one_batch)


class _Recorded:
    """`train(progress)`, or `train_one_batch(progress)`, that runs its job at the first call."""

    def __init__(self, job: Callable[..., TrainingTrace]) -> None:
        self._job = job
        self._trace: TrainingTrace | None = None

    def __call__(self, progress: Progress) -> TrainingTrace:
        return self._recorded(lambda: self._job(progress))

    def _recorded(self, job: Callable[[], TrainingTrace]) -> TrainingTrace:
        if self._trace is None:
            self._trace = job()
        return self._trace


class _RecordedMonitored(_Recorded):
    """The same for a job that can end early: every caller gets what the first one asked for."""

    def __call__(self, progress: Progress, monitor: TrainingMonitor | None = None) -> TrainingTrace:
        return self._recorded(lambda: self._job(progress, monitor=monitor))


def only_had(target: RerankTarget, replaced: dict[str, object]) -> dict[str, object]:
    """Those of the replacements whose method the reranker has, so that wrapping adds no capability."""
    return {name: value for name, value in replaced.items() if hasattr(target, name)}


def ask(method: Callable[..., Any], tasks: Any, progress: Progress | None) -> Any:
    """Call `method(tasks)`, with `progress` where its signature has it and the caller gave one."""
    if progress is not None and _takes(method, "progress"):
        return method(tasks, progress=progress)
    return method(tasks)


def methods_of(capability: type) -> tuple[str, ...]:
    """The public names that a capability asks for, such as ("training_prompts",)."""
    return tuple(name for name in vars(capability) if not name.startswith("_"))


def lacks(target: object, needs: tuple[type, ...]) -> tuple[str, ...]:
    """The methods that a reranker would have to add to have all of these capabilities."""
    return tuple(
        name
        for need in needs
        if not isinstance(target, need)
        for name in methods_of(need)
        if not hasattr(target, name)
    )


def _members() -> Iterator[str]:
    """Every public name that some capability asks for, each once."""
    seen: set[str] = set()
    for exported in protocols.__all__:
        capability = getattr(protocols, exported)
        if exported != "Progress" and getattr(capability, "_is_protocol", False):
            for name in methods_of(capability):
                if name not in seen:
                    seen.add(name)
                    yield name


def _takes(method: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(method).parameters
    except (TypeError, ValueError):  # some callables written in C have no signature
        return False
