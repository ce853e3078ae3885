"""Independent pieces of work in two processes, with one torch thread each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import torch
from tqdm import tqdm

__all__ = ["all_threads", "in_processes"]

PROCESSES = 2
"""As many as the machine has cores that the figures are measured on; the embedded base gains little from a second thread."""

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Given], Result],
    given: Sequence[Given],
    title: str,
    line: Callable[[Result], str] | None = None,
) -> list[Result]:
    """The results of `work`, in the order given.

    Args:
        work: a function of a module; what it is given and what it returns are pickled.
        given: what is expensive first, so that no process is idle at the end.
        title: of the progress bar.
        line: what is printed of a result when it is there; None prints nothing.
    """
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    found: dict[int, Result] = {}
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_one_thread) as pool:
        places = {pool.submit(work, one): place for place, one in enumerate(given)}
        for future in tqdm(as_completed(places), total=len(places), desc=title):
            found[places[future]] = future.result()
            if line is not None:
                tqdm.write(line(future.result()))
    return [found[place] for place in range(len(given))]


def all_threads() -> None:
    """Use both cores in this process, for work that is done alone."""
    torch.set_num_threads(min(PROCESSES, torch.get_num_threads()))


def _one_thread() -> None:
    torch.set_num_threads(1)
