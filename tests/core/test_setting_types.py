"""Types of settings with an end of their own: needed counts, excesses over 1/2, rounding."""

from __future__ import annotations

import pytest

from rerank_guard.core.errors import SettingError
from rerank_guard.core.setting import Excess, NeededCount, Rounding, settings_of


def example(*, min_users: NeededCount = 3, most_excess: Excess = 0.25, tolerance: Rounding = 1e-9) -> None:
    """Has a setting of each kind."""


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("min_users", [1, 9], [0, -1, 1.5, "2", float("nan")]),
        ("most_excess", [1e-9, 0.499], [0.0, 0.5, float("nan")]),
        ("tolerance", [0.0, 0.01], [-1e-9, 0.011, float("inf")]),
    ],
)
def test_bounds(name, allowed, refused):
    setting = settings_of(example)[name]
    assert not setting.is_level
    for value in allowed:
        assert setting.validated(value) == value
    for value in refused:
        with pytest.raises(SettingError, match=rf"{name}="):
            setting.validated(value)
