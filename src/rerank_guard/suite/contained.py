"""The reranker's code can end in an exception; it cannot end, skip or excuse the run that judges it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from rerank_guard.core.errors import NothingToJudgeError, NotOfferedError

__all__ = ["must_be_offered", "no_exit", "own_arithmetic"]


def own_arithmetic() -> np.errstate:
    """Numpy's defaults, for the package's own code: what a user has made numpy do on an underflow is no matter of a check."""
    return np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")


@contextmanager
def no_exit(doing: str) -> Iterator[None]:
    """Turn what would end or skip the run into an error: sys.exit(), pytest.exit(), pytest.skip(), pytest.xfail().

    They would pass every handler, and leave a run in which nothing was judged.

    Args:
        doing: what the reranker was asked for, for the message.

    Raises:
        NothingToJudgeError: in place of any of them. A KeyboardInterrupt stays one: it is the user's.
    """
    __tracebackhide__ = True
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as ended:
        # pytest.exit() raises an Exception; told by its module, because the suite works without pytest
        if isinstance(ended, Exception) and type(ended).__module__ != "_pytest.outcomes":
            raise
        shown = f"exit({ended.code!r})" if isinstance(ended, SystemExit) else f"{type(ended).__name__}: {ended}"
        raise NothingToJudgeError(
            f"{doing}: the reranker's code asked to end or skip the run ({shown}); raise an ordinary exception instead, or "
            "deselect the check."
        ) from ended


@contextmanager
def must_be_offered(what: str) -> Iterator[None]:
    """Refuse a "not offered" for what every reranker has to offer: without it nothing is judged.

    Args:
        what: the input that was asked for.

    Raises:
        NothingToJudgeError: in place of a `NotOfferedError`.
    """
    __tracebackhide__ = True
    try:
        yield
    except NotOfferedError as error:
        raise NothingToJudgeError(
            f"{what}: the reranker says that it does not offer this ({error}), but name, tasks() and score(tasks) are what every "
            "reranker must offer."
        ) from error
