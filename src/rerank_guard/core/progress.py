"""A progress bar as text: a line that is redrawn on a terminal, or one line every tenth in a log."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["ProgressBar"]

_BAR = 20
_REDRAW_SECONDS = 0.1
"""Redrawing more often costs time and shows nothing more."""
_LINE_SECONDS = 0.5
"""A short job need not fill a log with all of its tenths."""


class ProgressBar:
    """Draws progress through `write`; meets the `Progress` protocol.

    A new piece of work may begin at any time with a `done` that is not above the last one's.

    Args:
        write: takes text and shows it at once, whatever captures output.
        redraw: True on a terminal that can go back to a line's start; False writes a line every 10 %.
        width: columns that may be used.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        redraw: bool,
        width: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._redraw = redraw
        self._width = width
        self._clock = clock
        self._started = clock()
        self._shown_at = float("-inf")
        self._shown_tenth = -1
        self._done = -1
        self._open = False

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show `done` of `total`; `done >= total` ends the bar's line."""
        now = self._clock()
        if self._done < 0 or done < self._done or (done == 0 and self._done > 0):
            self._started, self._shown_at, self._shown_tenth = now, float("-inf"), -1
        self._done = done
        finished = done >= total
        if self._redraw:
            if finished or now - self._shown_at >= _REDRAW_SECONDS:
                self._draw("\r" + self._line(done, total, note, now).ljust(self._width - 1), now)
        else:
            tenth = 10 if finished else (10 * done) // max(total, 1)
            if tenth > self._shown_tenth and (finished or now - self._shown_at >= _LINE_SECONDS):
                self._shown_tenth, self._shown_at = tenth, now
                self._write(self._line(done, total, note, now) + "\n")
        if finished:
            self.close()

    def close(self) -> None:
        """End an open line, for instance when the work was cut short; the next call begins anew."""
        if self._open:
            self._write("\n")
        self._open = False
        self._done = -1

    def _draw(self, text: str, now: float) -> None:
        self._write(text)
        self._shown_at = now
        self._open = True

    def _line(self, done: int, total: int, note: str, now: float) -> str:
        share = 1.0 if total <= 0 else min(1.0, max(0.0, done / total))
        filled = int(_BAR * share)
        elapsed = now - self._started
        eta = _seconds(elapsed * (1.0 - share) / share) if share > 0 else "?"
        line = f"{share:4.0%} {done}/{total} {_seconds(elapsed)}, ETA {eta}  {note}".rstrip()
        if not self._redraw:
            return line.lstrip()  # a log has room for the whole note, and no need of a picture
        return f"[{'#' * filled}{'.' * (_BAR - filled)}] {line}"[: self._width - 1]


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
