"""All checks are found by walking their folders, and one that is in the wrong place is refused."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from guard.small_package import small_package
from rerank_guard import checks
from rerank_guard.checks import registry
from rerank_guard.checks.registry import all_checks, check_of
from rerank_guard.core.check import Check
from rerank_guard.core.stage import Stage

HEAD = "from rerank_guard.core.check import Variant, check\nfrom rerank_guard.core.stage import Stage\n"


def record(name, stage=Stage.DATA, **fields):
    given = "".join(f", {key}={value}" for key, value in fields.items())
    return f"@check(stage=Stage.{stage.name}, claim='a claim'{given})\ndef {name}(tasks): ...\n"


@pytest.fixture
def walked(tmp_path, monkeypatch):
    """From the texts of modules to the checks in them."""

    def walk(files):
        package = small_package(tmp_path, monkeypatch, {name: HEAD + text for name, text in files.items()})
        monkeypatch.setattr(registry, "checks", package)
        return registry.all_checks.__wrapped__()

    return walk


@pytest.mark.parametrize("name", sorted(all_checks()))
def test_a_check_is_in_the_file_of_its_name_in_the_folder_of_its_stage(name):
    check = all_checks()[name]
    path = Path(*check.measure.__module__.split("."))
    assert (path.name, path.parent.name) == (name, check.stage.folder)
    assert name in importlib.import_module(check.measure.__module__).__all__
    assert check.claim
    assert check.__doc__


def test_every_file_of_a_stage_that_has_no_underscore_is_a_check():
    folders = {stage.folder for stage in Stage}
    files = {
        module.name.rpartition(".")[2]
        for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}.")
        if module.name.split(".")[-2] in folders and not module.name.rpartition(".")[2].startswith("_")
    }
    assert files == set(all_checks())


def test_the_checks_are_in_the_order_of_the_stages_and_early_ones_before_the_others():
    places = [(check.stage, not check.early, name) for name, check in all_checks().items()]
    assert places == sorted(places)
    with pytest.raises(TypeError):
        all_checks()["mine"] = None  # type: ignore[index]


def test_a_check_is_found_by_its_verdicts_name():
    for name, check in all_checks().items():
        assert check_of(name) is check_of(f"{name}[K=20]") is check
        for variant in check.variants:
            assert check_of(variant) is check
    assert check_of("a_check_of_the_users_own") is None
    assert check_of("") is None


def test_checks_are_found_in_folders(walked):
    found = walked({"data/second.py": record("second"), "quality/first.py": record("first", Stage.QUALITY)})
    assert list(found) == ["second", "first"]
    assert all(isinstance(check, Check) for check in found.values())


def test_early_checks_come_first_within_their_stage(walked):
    found = walked({"data/a.py": record("a"), "data/b.py": record("b", early=True), "data/c.py": record("c")})
    assert list(found) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("file", "stage"), [("data/other.py", Stage.DATA), ("data/mine.py", Stage.QUALITY), ("mine.py", Stage.DATA)]
)
def test_a_check_in_another_file_or_folder_is_refused(walked, file, stage):
    with pytest.raises(TypeError, match="mine"):
        walked({file: record("mine", stage)})


def test_a_check_that_is_imported_by_another_module_is_found_where_it_is(walked):
    assert list(walked({"data/mine.py": record("mine"), "data/user.py": "from .mine import mine\n"})) == ["mine"]


VARIANT = "{'mine': Variant({'tasks': 'training_tasks'}, 'x')}"


@pytest.mark.parametrize(
    "files",
    [
        {"data/mine.py": record("mine"), "quality/mine.py": record("mine", Stage.QUALITY)},
        {"data/mine.py": record("mine"), "data/other.py": record("other", variants=VARIANT)},
        {"data/mine.py": record("mine", variants=VARIANT)},
    ],
    ids=["two-stages", "the-variant-of-another", "its-own-variant"],
)
def test_two_checks_of_one_name_are_refused(walked, files):
    with pytest.raises(TypeError, match="'mine'"):
        walked(files)
