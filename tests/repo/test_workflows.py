"""The GitHub workflows are pinned, have few rights, and keep forks away from the GPU runner."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from repository import ROOT, make
from workflow_rules import problems, run_steps

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def text_of(name: str) -> str:
    return (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")


def test_the_three_workflows_are_there():
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "gpu.yml", "release.yml"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_the_rules_are_kept(file):
    assert problems(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("ci", r"checkout@[0-9a-f]{40} # \S+", "checkout@v7", "not pinned"),
        ("ci", r"(checkout@[0-9a-f]{40}) # \S+", r"\1", "not pinned"),
        ("ci", "contents: read", "contents: write", "permissions are"),
        ("ci", r"permissions:\n  contents: read\n", "", "permissions are None"),
        ("ci", r"concurrency:\n(  .*\n)+", "", "no concurrency group"),
        ("ci", "persist-credentials: false", "persist-credentials: true", "keeps its credentials"),
        ("ci", "run: make lint", "run: echo ${{ github.event.pull_request.title }}", "untrusted text"),
        ("ci", r"timeout-minutes: \d+", "", "no timeout"),
        ("gpu", r"github.event.pull_request.head.repo.full_name ==", "github.actor ==", "a fork's pull request"),
        ("gpu", "pull_request:", "pull_request_target:", "with this repository's rights"),
        ("release", "environment: pypi", "", "outside the environment pypi"),
        ("release", "id-token: write", "contents: write", "permissions are"),
        ("release", r"\Z", "        with:\n          password: ${{ secrets.TOKEN }}\n", "a secret is read"),
    ],
)
def test_a_broken_workflow_is_noticed(name, old, new, problem):
    broken, changes = re.subn(old, new, text_of(name), count=1)
    assert changes == 1, "the sample no longer breaks anything"
    found = problems(broken)
    assert any(problem in line for line in found), found


def test_ci_runs_on_every_python_that_is_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert yaml.safe_load(text_of("ci"))["jobs"]["cpu"]["strategy"]["matrix"]["python"] == promised


def test_ci_runs_what_the_makefile_has():
    wanted = [script for script in run_steps(yaml.safe_load(text_of("ci"))) if script.startswith("make ")]
    assert wanted == ["make install", "make lint", "make test", "make gate"]
    for script in wanted:
        planned = make("-n", *script.split()[1:])
        assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize("name", ["ci", "gpu"])
def test_the_report_is_kept_also_after_a_failure(name):
    (job,) = yaml.safe_load(text_of(name))["jobs"].values()
    always = [step for step in job["steps"] if step.get("if") == "always()"]
    assert any("GITHUB_STEP_SUMMARY" in step.get("run", "") for step in always)
    assert any(step.get("with", {}).get("path") == "rerank-report" for step in always)
