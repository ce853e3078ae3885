"""Batches in parallel on the CPU: one thread a batch, rather than all threads on each product of one batch.

The products of a small model are too short to be divided: between any two of them all threads wait for the slowest.
With a batch each no thread waits, and the result of a batch does not depend on the number of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
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
    all_started = threading.Barrier(threads + 1)

    def start() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # else this thread would take the process's number at its first product
        all_started.wait()

    def run(one: Given) -> Made:
        if not hasattr(own, "value"):
            own.value = make_own()
        return work(one, own.value)

    before = torch.get_num_threads()
    with ThreadPoolExecutor(threads, "rerank-score") as pool:
        started = [pool.submit(start) for _ in range(threads)]
        try:
            all_started.wait(timeout=60)
        finally:
            # Each thread has set its own number, and with it the one that later threads of the process would take.
            torch.set_num_threads(before)
        for one_started in started:
            one_started.result()
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
