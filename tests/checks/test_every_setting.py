"""Each setting of each check is set by some test, and each level follows the run's alpha."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rerank_guard.checks.registry import all_checks

HERE = Path(__file__).parent
SHARED = [path.read_text(encoding="utf-8") for path in HERE.rglob("test_*.py") if path.name != Path(__file__).name]
SETTINGS = [(check, name) for check in all_checks().values() for name in check.settings]


@pytest.mark.parametrize(("check", "name"), SETTINGS, ids=[f"{check.name}.{name}" for check, name in SETTINGS])
def test_some_test_sets_it(check, name):
    naming = [text for text in SHARED if re.search(rf"\b{check.name}\b", text)]
    assert any(re.search(rf"""\b{name}=|["']{name}["']""", text) for text in naming)


def test_a_level_is_called_alpha_so_that_the_run_s_alpha_reaches_it():
    for check, name in SETTINGS:
        assert check.settings[name].is_level is (name == "alpha"), check.name
