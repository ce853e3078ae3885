"""A progress bar on pytest's terminal, past its capture of output."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import pytest

from rerank_guard.core.progress import ProgressBar

if TYPE_CHECKING:
    from rerank_guard.core.target import Progress

__all__ = ["end_progress", "terminal_progress"]

_BAR = pytest.StashKey[ProgressBar]()


def end_progress(config: pytest.Config) -> None:
    """End the line of a bar that was cut short, if there is one."""
    bar = config.stash.get(_BAR, None)
    if bar is not None:
        bar.close()


def terminal_progress(config: pytest.Config) -> Progress | None:
    """The run's bar on the run's terminal: redrawn on a tty, a line every 10 % elsewhere.

    None where no one looks: in xdist workers, which have no terminal, and with -q.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.get_verbosity() < 0:
        return None
    capture = config.pluginmanager.get_plugin("capturemanager")
    writer = config.get_terminal_writer()

    def uncaptured() -> AbstractContextManager[None]:
        return nullcontext() if capture is None else capture.global_and_fixture_disabled()

    def write(text: str) -> None:
        with uncaptured():
            reporter.ensure_newline()  # else the bar would overwrite the line with the dots
            writer.write(text, flush=True)

    if _BAR not in config.stash:
        redraw = writer.hasmarkup and reporter.isatty
        config.stash[_BAR] = ProgressBar(write, redraw=redraw, width=writer.fullwidth)
    return config.stash[_BAR]
