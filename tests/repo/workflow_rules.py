"""The rules that every GitHub workflow here keeps: from a workflow's text to what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["problems", "run_steps"]

PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
FORK_GUARD = "github.event.pull_request.head.repo.full_name == github.repository"

# Text that an outsider chooses; inside a script it would be executed.
UNTRUSTED = re.compile(r"\$\{\{[^}]*github\.(event\.|head_ref)")


def run_steps(workflow: dict[str, Any]) -> list[str]:
    """All shell scripts of a parsed workflow."""
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def problems(text: str) -> list[str]:
    """What a workflow does against the rules; an empty list is a sound one."""
    workflow = yaml.safe_load(text)
    # YAML 1.1 reads the bare key `on` as true.
    triggers = workflow[True] if True in workflow else workflow["on"]
    found = []

    for line in text.splitlines():
        if "uses:" in line and not PINNED.search(line):
            found.append(f"not pinned by a full commit and its version: {line.strip()}")
    if workflow.get("permissions") != {"contents": "read"}:
        found.append(f"permissions are {workflow.get('permissions')}, not contents: read")
    if not {"group", "cancel-in-progress"} <= set(workflow.get("concurrency", {})):
        found.append("no concurrency group")
    if "pull_request_target" in triggers:
        found.append("pull_request_target runs a fork's code with this repository's rights")
    if "secrets." in text:
        found.append("a secret is read")

    for name, job in workflow["jobs"].items():
        found += [f"job {name}: {problem}" for problem in _job_problems(job, triggers)]
    return found


def _job_problems(job: dict[str, Any], triggers: dict[str, Any]) -> list[str]:
    found = []
    rights = job.get("permissions", {"contents": "read"})
    if rights not in ({"contents": "read"}, {"id-token": "write"}):
        found.append(f"permissions are {rights}")
    if "id-token" in rights and job.get("environment") != "pypi":
        found.append("an identity token outside the environment pypi")
    if "timeout-minutes" not in job:
        found.append("no timeout")
    if "self-hosted" in job["runs-on"] and "pull_request" in triggers and FORK_GUARD not in job.get("if", ""):
        found.append("a fork's pull request would reach the self-hosted runner")
    for step in job["steps"]:
        used = step.get("uses", "")
        if used.startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") is not False:
            found.append("the checkout keeps its credentials")
        if UNTRUSTED.search(step.get("run", "")):
            found.append(f"untrusted text inside a script: {step['run']!r}")
    return found
