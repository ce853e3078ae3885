"""The greatest memory of a piece of work, beyond what the process had before."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["peak_megabytes"]

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def peak_megabytes(work: Callable[[], object]) -> float | None:
    """Resident MB at the highest, above those at the start; None where the system does not say (Linux does)."""
    gc.collect()
    try:
        _RESET.write_text("5", encoding="ascii")  # sets the high-water mark to what is resident now
        before = _high_water()
    except OSError:
        return None
    result = work()
    grown = _high_water() - before
    del result
    return round(max(grown, 0) / 1024, 1)


def _high_water() -> int:
    """In kB."""
    found = re.search(r"VmHWM:\s+(\d+)", _STATUS.read_text(encoding="ascii"))
    if found is None:
        raise OSError("no VmHWM")
    return int(found[1])
