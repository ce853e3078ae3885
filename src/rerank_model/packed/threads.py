"""Batches side by side on the CPU: a thread a batch rather than all threads on each product of one.

The products of a small model are too short to be divided: between any two of them all threads wait for the slowest.
With a batch each, nobody waits, and what a batch gives does not depend on how many threads there are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["each_in_a_thread"]

Given = TypeVar("Given")
Made = TypeVar("Made")
Own = TypeVar("Own")


def each_in_a_thread(
    work: Callable[[Given, Own], Made], given: Iterable[Given], make_own: Callable[[], Own], threads: int
) -> Generator[Made]:
    """The results of `work`, in the order given; what is given is made while threads work on what came before.

    Args:
        work: from one of what is given, and what its thread has of its own.
        given: taken from only as threads come free, two ahead of each.
        make_own: once a thread.
        threads: how many; each computes alone, whatever `torch.get_num_threads()` says.
    """
    own = threading.local()

    def start() -> None:
        torch.set_num_threads(1)
        own.value = make_own()

    def run(one: Given) -> Made:
        return work(one, own.value)

    with _threads_restored(), ThreadPoolExecutor(threads, "rerank-score", initializer=start) as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for one in given:
                waiting.append(pool.submit(run, one))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def _threads_restored() -> Iterator[None]:
    """What a thread asks of torch stays with it, but for the number that later threads start with."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
