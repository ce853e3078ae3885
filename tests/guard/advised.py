"""The settings that a message advises, as they would be typed."""

from __future__ import annotations

import re
import tomllib


def advised(text):
    """Check to setting to value, of every --rerank-set in a text."""
    found = {}
    for check, setting, value in re.findall(r"--rerank-set (\w+)\.(\w+)=([^\s()]+)", text):
        found.setdefault(check, {})[setting] = tomllib.loads(f"value = {value}")["value"]
    return found
