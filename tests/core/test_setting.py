"""The settings of a check: types and bounds from annotations, for every way in which a value can come."""

from __future__ import annotations

import math

import pytest

from rerank_guard.core.errors import SettingError
from rerank_guard.core.setting import Count, Level, NeededShare, Positive, Ratio, Share, require_level, settings_of


def example(
    *,
    alpha: Level = 1e-3,
    max_share: Share = 0.1,
    min_share: NeededShare = 0.95,
    tolerance: Ratio = 0.0,
    scale: Positive = 2.0,
    max_missing: Count = 0,
    strict: bool = False,
) -> None:
    """Has a setting of each kind."""


SETTINGS = settings_of(example)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("alpha", [1e-9, 0.499], [0.0, 0.5, -1.0, math.nan, math.inf, "0.1", True, None]),
        ("max_share", [0.0, 0.999, 0], [1.0, -0.1, math.nan]),
        ("min_share", [1e-9, 1.0, 1], [0.0, 1.1, math.nan]),
        ("tolerance", [0.0, 1e9], [-1e-9, math.inf, math.nan]),
        ("scale", [1e-9], [0.0, -1.0]),
        ("max_missing", [0, 7], [-1, 0.5, "1", True, math.nan, math.inf]),
        ("strict", [True, False], [0, 1, "true", None]),
    ],
)
def test_bounds(name, allowed, refused):
    setting = SETTINGS[name]
    for value in allowed:
        got = setting.validated(value)
        assert got == value
        assert type(got) is setting.kind
    for value in refused:
        with pytest.raises(SettingError, match=rf"{name}="):
            setting.validated(value)


def test_a_refused_value_is_shown_with_what_is_allowed():
    with pytest.raises(SettingError, match=r"alpha=0\.7 .* above 0 and below 0\.5, such as 0\.001"):
        require_level("alpha", 0.7)


def test_only_the_false_alarm_rate_is_a_level():
    assert [name for name, setting in SETTINGS.items() if setting.is_level] == ["alpha"]


def test_a_setting_without_bounds_or_default_is_no_setting():
    def unbounded(*, effect: float = 0.1) -> None: ...

    def without_default(*, alpha: Level) -> None: ...

    def outside(*, alpha: Level = 0.7) -> None: ...

    with pytest.raises(TypeError, match=r"unbounded: setting effect .* has bounds"):
        settings_of(unbounded)
    with pytest.raises(TypeError, match="alpha has no default"):
        settings_of(without_default)
    with pytest.raises(SettingError):
        settings_of(outside)
