"""Printing to a reader that may have gone, as `rerank-guard faults | head` has."""

from __future__ import annotations

import os
import sys

__all__ = ["print_text"]


def print_text(text: str) -> None:
    """Print, and end quietly where the reader of standard output has gone."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # what is still buffered would raise once more when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
