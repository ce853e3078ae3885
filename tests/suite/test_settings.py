"""The settings of a run: levels that a check could not have are refused, and the budget is the level asked for."""

from __future__ import annotations

import math

import pytest

from rerank_guard.core.defaults import ALPHA
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.suite.settings import RunSettings


def test_without_a_level_each_check_has_its_own_and_the_run_the_default():
    settings = RunSettings()
    assert settings.alpha is None
    assert settings.budget == ALPHA
    assert settings.cutoffs is None
    assert (settings.early_stop, settings.continue_after_failure) == (False, False)


def test_a_level_that_is_asked_for_is_the_budget_too():
    assert RunSettings(alpha=0.01).budget == 0.01


@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.5, 1.0, math.nan])
def test_a_level_that_no_check_can_have_is_refused(alpha):
    with pytest.raises(RerankGuardError, match=str(alpha)):
        RunSettings(alpha=alpha)


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        RunSettings().seed = 3  # type: ignore[misc]
