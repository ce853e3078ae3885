"""The records of all faults: complete, in words, and without a name that no record has."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

import pytest

from guard.small_package import small_package
from rerank_guard.checks.registry import all_checks
from rerank_guard.core import fault_catalogue, faults
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.fault import Fault, names
from rerank_guard.core.fault_catalogue import all_faults, fault_named
from rerank_guard.core.faults import groups
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.stage import Stage
from rerank_guard.faults import all_injectors

FAULTS = list(all_faults().values())
MODULES = [
    importlib.import_module(f"{faults.__name__}.{each.name}") for each in pkgutil.iter_modules(faults.__path__)
]
HEAD = "from rerank_guard.core.fault import Fault\nfrom rerank_guard.core.stage import Stage\n"


def record(constant, name, **fields):
    given = "".join(f", {key}={value!r}" for key, value in fields.items())
    return f"{constant} = Fault({name!r}, Stage.DATA, 'What.', 'Fix.'{given})\n"


@pytest.fixture
def walked(tmp_path, monkeypatch):
    """From the texts of modules to the catalogue of the records in them."""

    def walk(files):
        package = small_package(tmp_path, monkeypatch, {name: HEAD + text for name, text in files.items()})
        monkeypatch.setattr(fault_catalogue, "faults", package)
        return fault_catalogue.all_faults.__wrapped__()

    return walk


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_record_says_in_sentences_what_it_is_and_how_to_fix_it(fault):
    for text in (fault.what, fault.fix):
        assert text.endswith(".")
        assert text[0].isupper()
    assert fault.name == fault.name.lower().strip()
    assert fault.name not in fault.confused_with
    assert str(fault) == fault.name


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_a_record_refers_to_has_a_record(fault):
    for name in fault.explains | fault.confused_with:
        assert fault_named(name)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_only_a_symptom_is_vague_or_unnamed(fault):
    if fault.vague or fault.unnamed:
        assert fault.symptom
    assert not (fault.symptom and fault.unrelated_to_metrics)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_record_is_in_the_module_of_its_stage_under_its_own_name(module):
    for constant, fault in vars(module).items():
        if isinstance(fault, Fault):
            assert constant == fault.name.upper().replace("-", "_")
            assert module.__name__.endswith(f".{fault.stage.folder}")
            assert constant in module.__all__


def test_the_catalogue_is_in_the_order_of_the_stages():
    stages = [fault.stage for fault in FAULTS]
    assert stages == sorted(stages)
    assert set(stages) == set(Stage)
    with pytest.raises(TypeError):
        all_faults()["mine"] = HISTORY_LEAK  # type: ignore[index]


@pytest.mark.parametrize("name", sorted(all_checks()))
def test_a_check_names_faults_of_the_catalogue_and_no_unnamed_one(name):
    check = all_checks()[name]
    assert {*check.can_name, *check.rules_out} <= {*FAULTS}
    assert not [fault.name for fault in check.can_name if fault.unnamed]
    assert check.can_name or check.looks_like is not None


def test_every_fault_that_is_injected_has_a_record():
    for injector in all_injectors():
        assert fault_named(str(injector.fault))


def test_the_groups_name_faults():
    for name in groups.__all__:
        assert getattr(groups, name) <= set(all_faults()), name
    assert names("a b", {"c"}, "b") == {"a", "b", "c"}


def test_an_unknown_name_is_an_error_that_shows_the_closest():
    assert fault_named("history-leak") is HISTORY_LEAK
    with pytest.raises(UnknownNameError, match="history-leak"):
        fault_named("history-leek")
    with pytest.raises(UnknownNameError):
        fault_named("")


@pytest.mark.parametrize("field", ["explains", "confused_with"])
def test_a_reference_to_a_fault_without_a_record_is_refused(walked, field):
    good = {"few.py": record("ONE", "one", **{field: frozenset({"two"})}), "more.py": record("TWO", "two")}
    assert list(walked(good)) == ["one", "two"]
    with pytest.raises(UnknownNameError, match=r"'two'.*'one'"):
        walked({"few.py": good["few.py"]})


def test_two_records_of_one_name_are_refused_and_one_that_is_imported_elsewhere_is_not(walked):
    with pytest.raises(ValueError, match="'one'"):
        walked({"few.py": record("ONE", "one"), "more.py": record("OTHER", "one", symptom=True)})
    assert list(walked({"few.py": record("ONE", "one"), "more.py": "from .few import ONE as AGAIN\n"})) == ["one"]


def test_records_do_not_change():
    with pytest.raises(AttributeError):
        HISTORY_LEAK.name = "other"  # type: ignore[misc]
    assert replace(HISTORY_LEAK, name="other") != HISTORY_LEAK
