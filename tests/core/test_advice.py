"""setting_advice: what it says can be typed, and reads back as the value."""

from __future__ import annotations

import numpy as np
import pytest

from guard.advised import advised
from rerank_guard.core.advice import setting_advice


@pytest.mark.parametrize("value", [3, 0, 0.02, 1e-9, 1 / 3, np.float64(0.25)])
def test_a_value_reads_back_as_itself(value):
    text = f"Fix it, or {setting_advice('a_check', 'effect', value)}."
    assert advised(text) == {"a_check": {"effect": value}}
    assert "[tool.rerank_guard.checks.a_check]" in text


def test_without_a_value_the_reader_has_to_choose_one():
    assert "a_check.effect=VALUE" in setting_advice("a_check", "effect")
