"""Tracebacks that begin with the caller's own code."""

from __future__ import annotations

from pathlib import Path

__all__ = ["without_own_frames"]


def without_own_frames(error: Exception) -> Exception:
    """The error with the frames of this package before the first of the caller's own code left out."""
    own = str(Path(__file__).resolve().parents[1])
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(own):
        frames = frames.tb_next
    return error.with_traceback(frames or error.__traceback__)
