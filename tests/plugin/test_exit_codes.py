"""The exit codes of pytest and doctor in the same situations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from inner_run import Run
from suite_checks import SKIPPED

from rerank_guard.checks.registry import all_checks
from rerank_guard.cli.main import main
from rerank_guard.suite import planned

RAISING = """
import fake_targets
from fake_minimal import Minimal, minimal

def __getattr__(name):
    return getattr(fake_targets, name)

class _Scores(Minimal):
    def __init__(self, error):
        super().__init__(minimal().tasks())
        self._error = error

    def score(self, tasks):
        raise self._error

def raises(): return _Scores(ValueError("no letters"))
def exits(): return _Scores(SystemExit(3))
def interrupted(): return _Scores(KeyboardInterrupt())
def factory_raises(): raise RuntimeError("no weights")
"""

WRONG_TYPE = "alpha = 'low'\n"
EXPECTED = "[expected]\n{} = 'known'\n"

SITUATIONS = {
    "healthy": ("healthy", (), "", 0, 0),
    "a check fails": ("sign_flipped", (), "", 1, 1),
    "a check before the job fails": ("target_dropped", (), "", 1, 1),
    "too few users to decide": ("undecided", (), "", 1, 1),
    "the only failure is expected": ("target_dropped", (), EXPECTED.format("gt_in_candidates"), 0, 0),
    "an expected failure passes": ("healthy", (), EXPECTED.format("gt_in_candidates"), 1, 1),
    "an expected failure does not apply": ("minimal", (), EXPECTED.format("calibrated"), 0, 0),
    "the only failure is ignored": ("target_dropped", ("ignore=gt_in_candidates",), "", 0, 0),
    "what is selected passes": ("sign_flipped", ("select=data",), "", 0, 0),
    "what is selected fails": ("target_dropped", ("select=target-not-listed",), "", 1, 1),
    "what is selected does not apply": ("minimal", ("select=calibrated",), "", 2, 1),
    "all is ignored": ("minimal", (f"ignore={','.join(all_checks())}",), "", 2, 1),
    "a selected check lacks a reference run": ("minimal", ("select=no_regression",), "", 2, 1),
    "score() raises": ("raises", (), "", 2, 1),
    "score() exits": ("exits", (), "", 2, 1),
    "the factory raises": ("factory_raises", (), "", 2, 1),
    "tasks() raises": ("tasks_raise", (), "", 2, 1),
    "an unknown check": ("minimal", ("ignore=calibrate_d",), "", 2, 4),
    "an unknown key": ("minimal", (), "selekt = []\n", 2, 4),
    "a value of another type": ("minimal", (), WRONG_TYPE, 2, 4),
    "an unknown setting": ("minimal", ("set=calibrated.alfa=0.1",), "", 2, 4),
    "no such reranker": ("nobody", (), "", 2, 4),
    "a cutoff that is vacuous": ("minimal", ("k=500",), "", 2, 4),
    "a cutoff that the run does not have": ("minimal", ("ignore=recall_beats_baseline[K=7]",), "", 2, 4),
    "an unknown option": ("minimal", ("selekt=data",), "", 2, 4),
    "interrupted": ("interrupted", (), "", 130, 2),
    "a preview check fails": ("sign_flipped", ("select=recall_beats_baseline",), "", 0, 0),
    "a preview check fails where it counts": (
        "sign_flipped",
        ("select=recall_beats_baseline",),
        "preview = true\n",
        1,
        1,
    ),
}


@pytest.fixture
def previews(request, monkeypatch):
    """recall_beats_baseline as a check that is new."""
    if "preview" in request.node.callspec.params["situation"]:
        record = all_checks()["recall_beats_baseline"]
        changed = {**all_checks(), record.name: replace(record, preview=True)}
        monkeypatch.setattr(planned, "all_checks", lambda: changed)


@pytest.fixture
def folder(pytester, run: Run, monkeypatch):
    """A folder with the rerankers, from which both are called."""
    pytester.makepyfile(patients=RAISING)
    monkeypatch.chdir(pytester.path)
    monkeypatch.syspath_prepend(pytester.path)
    return pytester


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.usefixtures("previews")
def test_pytest(situation, run: Run, folder) -> None:
    target, options, text, _, expected = SITUATIONS[situation]
    folder.makefile(".toml", rerank_guard=text)
    given = [f"--rerank-{key}={value}" for key, value in (option.split("=", 1) for option in options)]
    # an interrupt inside of this process would end an xdist worker
    started = folder.runpytest_subprocess if situation == "interrupted" else run
    assert started("--rerank-target", f"patients:{target}", *given).ret == expected


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.usefixtures("previews")
def test_doctor(situation, folder, capsys) -> None:
    target, options, text, expected, _ = SITUATIONS[situation]
    folder.makefile(".toml", rerank_guard=text)
    given = [f"--{key}={value}" for key, value in (option.split("=", 1) for option in options)]
    assert ended(["doctor", "--target", f"patients:{target}", *given]) == expected
    if expected in (2, 130):
        assert capsys.readouterr().err.strip(), "what went wrong is said"


def test_doctor_without_a_reranker(folder, capsys) -> None:
    folder.makefile(".toml", rerank_guard="")
    assert ended(["doctor"]) == 2
    assert "--target" in capsys.readouterr().err


def test_an_xfail_mark_is_an_expected_failure(run: Run, folder) -> None:
    folder.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                if item.name == "gt_in_candidates":
                    item.add_marker(pytest.mark.xfail(reason="known"))
        """
    )
    excused = run("--rerank-target", "patients:target_dropped")
    assert excused.ret == 0
    excused.assert_outcomes(xfailed=1, passed=excused.parseoutcomes()["passed"], skipped=SKIPPED)
    assert run("--rerank-target", "patients:healthy", "-k", "gt_in_candidates").ret == 1, "it no longer fails"
    assert run("--rerank-target", "patients:target_dropped", "--runxfail").ret == 1
    assert run("--rerank-target", "patients:tasks_raise").ret == 1


def test_an_xfail_mark_does_not_excuse_a_reranker_that_raises(run: Run, folder) -> None:
    folder.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.xfail(reason="known"))
        """
    )
    assert run("--rerank-target", "patients:raises", "-k", "scores_well_formed").ret == 1


def ended(argv: list[str]) -> object:
    """The exit status, also of what argparse refuses."""
    try:
        return main(argv)
    except SystemExit as exited:
        return exited.code


@pytest.mark.slow
def test_a_vacuous_cutoff_is_a_usage_error_in_workers_too(folder) -> None:
    pytest.importorskip("xdist")
    assert folder.runpytest_subprocess("--rerank-target", "patients:minimal", "--rerank-k=500", "-n", "2").ret == 4
