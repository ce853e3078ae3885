"""Where the repository is, which files belong to it, and how to ask its Makefile."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["ROOT", "make", "tracked_files"]

ROOT = Path(__file__).resolve().parents[2]


def tracked_files() -> list[Path]:
    """Files that git tracks, and those it would track at the next `git add`; skips the test outside a git checkout.

    Untracked files count too: a file that must not be committed should be told before the commit, not after.
    """
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a git checkout (a source distribution has none)")
    listed = subprocess.run(
        [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, f"git ls-files failed: {listed.stderr}"
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make at the repository's root, as a user would: with nothing of a `make test` that may run around it."""
    inherited = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON", "VENV", "DATA", "ARGS")
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
