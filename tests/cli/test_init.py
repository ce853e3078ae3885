"""`rerank-guard init`: a configuration that is read back, at its defaults whatever is uncommented, and nothing else changes."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest

from rerank_guard.checks.registry import all_checks
from rerank_guard.cli.main import main
from rerank_guard.core.config.configuration import read_configuration
from rerank_guard.core.config.options import OPTIONS
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite.configured import run_settings_of
from rerank_guard.suite.method_overview import overview_of
from rerank_guard.suite.settings import RunSettings

RERANKERS = """
from guard.builders import make_task


class Bare:
    name = 'odd "name"\\n#alpha = 7'
    seeds = []

    def tasks(self):
        return [make_task(user % 7, 7, user=user) for user in range(9)]

    def score(self, tasks):
        raise AssertionError("init must not score")

    def train(self, progress):
        raise AssertionError("init must not train")


class Own(Bare):
    cutoffs = (2, 3)


class Vacuous(Bare):
    cutoffs = (7,)


class Empty(Bare):
    def tasks(self):
        return []


def make(seed=0, device=None):
    Bare.seeds.append((seed, device))
    return Bare()
"""

PYPROJECT = '[project]\nname = "mine"  # a remark\n\n[tool.other]\nx = [1,\n  2]'


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "init_rerankers.py").write_text(RERANKERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("init_rerankers", None)


def init(*arguments, target="init_rerankers:make") -> int:
    return main(["init", "--target", target, *arguments])


def uncommented(text: str) -> str:
    """Every setting that is a comment in use."""
    return re.sub(r"(?m)^#(?=[^\s#])", "", text)


def settings_in(folder) -> RunSettings:
    return run_settings_of(read_configuration({}, "", folder))


def test_the_file_is_read_back_with_the_target_alone(here, capsys):
    assert init() == 0
    configuration = read_configuration({}, "", here)
    assert {key: given.value for key, given in configuration.options.items()} == {"target": "init_rerankers:make"}
    assert (configuration.expected, configuration.checks) == ({}, {})
    told = capsys.readouterr().out
    assert "rerank_guard.toml" in told
    assert told.splitlines()[-1] == "next: rerank-guard doctor"


@pytest.mark.parametrize("file", ["rerank_guard.toml", "pyproject.toml"])
@pytest.mark.parametrize(
    "target", ["init_rerankers:make", "init_rerankers:Own", "rerank_guard.faults.healthy:make_healthy"]
)
def test_uncommenting_every_setting_gives_a_valid_configuration_with_the_defaults(here, file, target):
    (here / "pyproject.toml").write_text(PYPROJECT)
    assert init("--file", file, target=target) == 0
    path = here / file
    path.write_text(uncommented(path.read_text()))
    configuration = read_configuration({}, "", here)
    settings, unset = run_settings_of(configuration), RunSettings()
    assert {option.key for option in OPTIONS} - set(configuration.options) == {"reference"}
    for field in ("seed", "select", "ignore", "preview", "early_stop", "continue_after_failure", "budget"):
        assert getattr(settings, field) == getattr(unset, field), field
    assert configuration.get("report") == here / "rerank-report"
    ((example, given),) = settings.checks.items()
    assert given == {name: each.default for name, each in all_checks()[example].settings.items()}
    assert list(settings.expected) == [example]


@pytest.mark.parametrize(("target", "cutoffs"), [("init_rerankers:make", (5,)), ("init_rerankers:Own", (2, 3))])
def test_the_cutoffs_in_use_are_the_rerankers(here, target, cutoffs):
    assert init(target=target) == 0
    path = here / "rerank_guard.toml"
    path.write_text(uncommented(path.read_text()))
    assert settings_in(here).cutoffs == cutoffs


def test_every_option_is_explained(here):
    assert init() == 0
    text = " ".join(line.removeprefix("# ") for line in (here / "rerank_guard.toml").read_text().splitlines())
    for option in OPTIONS:
        assert option.help in text, option.key


def test_lines_are_of_a_hundred_columns_and_one_of_the_two_forms(here):
    assert init() == 0
    lines = (here / "rerank_guard.toml").read_text().splitlines()
    assert max(map(len, lines)) <= 100
    forms = r"# .*|#|#?[a-z_]+ = .*|#\[[a-z_.]+\]|"
    assert [line for line in lines if not re.fullmatch(forms, line)] == []


def test_all_checks_are_listed_once_as_judging_or_as_unlocked(here):
    assert init() == 0
    text = (here / "rerank_guard.toml").read_text()
    has, lacks = text.split("# WHAT IT LACKS")
    names = [name for check in all_checks().values() for name in (check.name, *check.variants)]
    for name in names:
        assert len(re.findall(rf"(?m)^#   {name}(\[K\])?: ", text)) == 1, name
    assert re.search(r"(?m)^#   gt_in_candidates: ", has)
    assert re.search(r"(?m)^#   loss_below_random: ", has)  # it has train()
    assert re.search(r"(?m)^#   split_disjoint: ", lacks)
    for line in ("# training_tasks():", "# training_prompts(tasks) and scoring_prompts(tasks):"):
        assert line in lacks.splitlines()


def test_a_reranker_with_every_method_lacks_nothing():
    overview = overview_of(make_healthy())
    judged = {planned.family for group in overview.has for planned in group.checks}
    others = {planned.family for planned in overview.with_reference}
    missing = {planned.family for each in overview.lacks for planned in each.checks}
    assert judged | others | missing == {n for c in all_checks().values() for n in (c.name, *c.variants)}
    assert others == {"no_regression", "no_slowdown"}
    for each in overview.lacks:
        assert all(not hasattr(make_healthy(), method.call.partition("(")[0]) for method in each.methods)


def test_what_a_method_adds_to_checks_that_are_judged_anyway(here):
    sys.path.insert(0, str(here))
    from init_rerankers import Bare

    lacks = {tuple(method.call for method in each.methods): each for each in overview_of(Bare()).lacks}
    popularity = lacks[("item_popularity()",)]
    assert popularity.checks == ()
    assert "recall_beats_baseline" in [planned.family for planned in popularity.used_by]
    tasks = lacks[("training_tasks()",)]
    assert "split_disjoint" in [planned.family for planned in tasks.checks]
    assert "no_history_leak" in [planned.family for planned in tasks.used_by]
    assert all(method.returns for each in lacks.values() for method in each.methods)


def test_seed_and_device_reach_the_factory_and_the_seed_is_written(here, capsys):
    assert init("--seed", "3", "--device", "cpu") == 0
    assert sys.modules["init_rerankers"].Bare.seeds == [(3, "cpu")]
    assert settings_in(here).seed == 3
    assert capsys.readouterr().out.splitlines()[-1] == "next: rerank-guard doctor --device cpu"


def test_a_file_of_another_name_is_named_in_the_next_command(here, capsys):
    (here / "conf").mkdir()
    assert init("--file", "conf/my own.toml") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: rerank-guard doctor --config 'conf/my own.toml'"
    assert read_configuration({"config": "conf/my own.toml"}, "", here).get("target") == "init_rerankers:make"


def test_a_file_is_replaced_only_with_force(here, capsys):
    path = here / "rerank_guard.toml"
    path.write_text("broken = \n")
    assert init() == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "broken = \n"
    assert "init_rerankers" not in sys.modules  # refused before the reranker is loaded
    assert init("--force") == 0
    assert read_configuration({}, "", here).get("target") == "init_rerankers:make"


@pytest.mark.parametrize("before", [PYPROJECT, PYPROJECT + "\n", PYPROJECT.replace("\n", "\r\n"), ""])
def test_a_pyproject_is_appended_to_and_keeps_every_byte(here, before):
    path = here / "pyproject.toml"
    path.write_bytes(before.encode())
    assert init("--file", "pyproject.toml") == 0
    after = path.read_bytes()
    assert after.startswith(before.encode())
    assert (b"\r\n" in before.encode()) == (b"\r\n" in after)
    assert after.count(b"\r\n") in (0, after.count(b"\n"))
    data, old = tomllib.loads(after.decode()), tomllib.loads(before)
    assert data["tool"].pop("rerank_guard") == {"target": "init_rerankers:make"}
    assert {**data, "tool": data["tool"] or None} == {**old, "tool": old.get("tool")}


@pytest.mark.parametrize(
    ("before", "arguments", "told"),
    [
        (PYPROJECT + "\n[tool.rerank_guard]\nk = 5\n", (), "line 7"),
        (PYPROJECT + "\n[tool.rerank_guard]\nk = 5\n", ("--force",), "line 7"),
        (PYPROJECT + "\n[tool.rerank_guard.expected]\ncalibrated = 'x'\n", (), "line 7"),
        ("[tool]\nrerank_guard.k = 5\n", (), "already"),
        (PYPROJECT, ("--force",), "--force"),
        ("tool = {other = 1}\n", (), "cannot be appended"),
        ("tool = 1\n", (), "cannot be appended"),
        ("x = \n", (), "not TOML"),
        (None, (), "no pyproject.toml"),
    ],
)
def test_a_pyproject_that_cannot_be_appended_to_stays_as_it_is(here, capsys, before, arguments, told):
    path = here / "pyproject.toml"
    if before is not None:
        path.write_text(before)
    assert init("--file", "pyproject.toml", *arguments) == 2
    assert told in capsys.readouterr().err
    assert (path.read_text() if path.exists() else None) == before


def test_other_configurations_that_are_read_or_no_longer_are_named(here, capsys, monkeypatch):
    (here / "pyproject.toml").write_text("[tool.rerank_guard]\nk = 3\n")
    assert init() == 0
    assert "pyproject.toml is read as well" in capsys.readouterr().out
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert init() == 0
    assert f"{here / 'rerank_guard.toml'} is not read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ((), "no_such_module:make"),
        ((), "init_rerankers:Empty"),
        ((), "init_rerankers:Vacuous"),
        (("--file", "no_such_folder/x.toml"), "init_rerankers:make"),
        (("--file", "folder"), "init_rerankers:make"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_writes_nothing(here, capsys, arguments, target):
    (here / "folder").mkdir()
    assert init(*arguments, target=target) == 2
    assert capsys.readouterr().err.startswith("rerank-guard: error: ")
    assert sorted(path.suffix for path in here.iterdir() if path.is_file()) == [".py"]


@pytest.mark.parametrize("arguments", [[], ["--target", "a:b", "--seed", "-1"], ["--target", "a:b", "--k", "3"]])
def test_a_wrong_command_line_ends_with_2(here, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["init", *arguments])
    assert ended.value.code == 2
