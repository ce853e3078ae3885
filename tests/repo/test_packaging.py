"""What a user installs: the wheel's contents and metadata, built here without network."""

from __future__ import annotations

import re
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import EntryPoint, version

import hatchling.build
import pytest
from repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = "rerank_model/_fixtures/tiny-qwen3/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # The build backend builds what lies in the working directory.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        directory = tmp_path_factory.mktemp("dist")
        name = hatchling.build.build_wheel(str(directory))
    with zipfile.ZipFile(directory / name) as archive:
        yield archive


def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode("utf-8"))


def test_both_packages_are_complete(wheel):
    shipped = set(wheel.namelist())
    for package in ("rerank_guard", "rerank_model"):
        ours = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / package).rglob("*.py")}
        assert ours <= shipped, f"missing in the wheel: {sorted(ours - shipped)}"
        assert f"{package}/py.typed" in shipped, f"{package} is typed, and must say so"


def test_the_embedded_base_is_complete(wheel):
    shipped = set(wheel.namelist())
    folder = ROOT / "fixtures" / "tiny-qwen3"
    ours = {BASE + path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert ours <= shipped, f"missing in the wheel: {sorted(ours - shipped)}"
    needed = {BASE + name for name in ("config.json", "model.safetensors", "tokenizer.json")}
    assert needed <= shipped, f"the embedded base is not complete: {sorted(needed - shipped)}"


def test_nothing_else_is_shipped(wheel):
    roots = {name.split("/")[0] for name in wheel.namelist()}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"rerank_guard", "rerank_model"}
    assert not [
        name for name in wheel.namelist() if "__pycache__" in name or name.endswith((".pkl", ".pt", ".bin"))
    ]


def test_the_plugin_and_the_commands_are_registered(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    text = wheel.read(name).decode("utf-8")
    assert re.search(
        r"\[pytest11\]\s+rerank_guard\.pytest_plugin\.plugin = rerank_guard\.pytest_plugin\.plugin", text
    )
    commands = dict(
        re.findall(r"^(rerank-\w+) = (.+)$", text.partition("[console_scripts]")[2], flags=re.MULTILINE)
    )
    assert commands == {"rerank-guard": "rerank_guard.cli.main:main", "rerank-model": "rerank_model.cli.main:main"}


@pytest.mark.parametrize("command", PROJECT["scripts"])
def test_a_commands_entry_point_answers_for_its_help(command, capsys):
    entry = EntryPoint(command, PROJECT["scripts"][command], "console_scripts")
    with pytest.raises(SystemExit) as stopped:
        entry.load()(["--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {command}")


def test_the_base_install_is_light(wheel):
    required = [line for line in metadata(wheel).get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line).group() for line in required} == {"pytest", "numpy", "scipy"}
    assert set(metadata(wheel).get_all("Provides-Extra")) == {
        "model",
        "unsloth",
        "benchmark",
        "report",
        "peers",
        "dev",
    }


def test_versions_agree(wheel):
    assert metadata(wheel)["Version"] == PROJECT["version"]
    assert version("rerank-guard") == PROJECT["version"], (
        "the installed package is another version: run `make install`"
    )


def test_every_direct_dependency_is_pinned():
    """A dependency missing in constraints.txt would make the tested set depend on the day it is installed."""
    extras = PROJECT["optional-dependencies"]
    # The `unsloth` extra is not part of the tested set: it needs a machine of its own kind.
    lines = PROJECT["dependencies"] + [line for name, part in extras.items() if name != "unsloth" for line in part]
    wanted = {re.match(r"[\w-]+", line).group().lower() for line in lines} - {"rerank-guard"}
    pins = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert wanted <= set(pins), f"not pinned in constraints.txt: {sorted(wanted - set(pins))}"
