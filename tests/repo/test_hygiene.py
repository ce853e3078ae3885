"""Limits on what the repository may hold: sizes, kinds of file, and nothing that only one machine has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import ROOT, tracked_files

MAX_SOURCE_LINES = 400
MAX_FILE_BYTES = 4 * 2**20
MAX_FIXTURES_BYTES = 3 * 2**20

# Data sets with a licence against redistribution (.inter), and formats that execute code when they are loaded.
FORBIDDEN_SUFFIXES = {".inter", ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt"}

# A home directory, on Linux, macOS or Windows. Assembled, so that this file does not contain what it looks for.
HOME_DIRECTORY = re.compile(
    r"(?<![\w.:/-])(?:/" + r"(?:home|Users)/[\w.-]+|/" + r"root/[\w.-]+)|\b[A-Z]:\\" + r"Users\\\w+"
)


def too_long(files: list[Path]) -> list[str]:
    counts = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    return [f"{file.name}: {count} lines" for file, count in counts.items() if count > MAX_SOURCE_LINES]


def machine_paths(text: str, root: Path) -> list[str]:
    """The home directories and mentions of the checkout's own place in a text."""
    own_place = re.compile(re.escape(str(root)) + r"(?![\w-])")
    patterns = [HOME_DIRECTORY] + ([own_place] if len(root.parts) > 2 else [])
    return [match.group() for pattern in patterns for match in pattern.finditer(text)]


def text_of(file: Path) -> str:
    """The file's text; empty for a binary file (told by a NUL byte, as git does)."""
    content = file.read_bytes()
    return "" if b"\0" in content[:8000] else content.decode("utf-8", errors="replace")


def test_source_files_are_short():
    long = too_long(sorted((ROOT / "src").rglob("*.py")))
    assert not long, f"more than {MAX_SOURCE_LINES} lines, split them by idea: {long}"


def test_a_long_file_is_noticed(tmp_path):
    file = tmp_path / "long.py"
    file.write_text("x = 1\n" * (MAX_SOURCE_LINES + 1))
    assert too_long([file]) == [f"long.py: {MAX_SOURCE_LINES + 1} lines"]


def test_no_file_is_too_large():
    sizes = {str(file.relative_to(ROOT)): file.stat().st_size for file in tracked_files()}
    large = {name: size for name, size in sizes.items() if size > MAX_FILE_BYTES}
    assert not large, f"larger than {MAX_FILE_BYTES} bytes: {large}"


def test_fixtures_stay_small():
    files = [file for file in (ROOT / "fixtures").rglob("*") if file.is_file() and file.suffix != ".pyc"]
    sizes = {str(file.relative_to(ROOT)): file.stat().st_size for file in files}
    assert sum(sizes.values()) <= MAX_FIXTURES_BYTES, f"more than {MAX_FIXTURES_BYTES} bytes in fixtures/: {sizes}"


def test_no_forbidden_kind_of_file():
    found = [str(file.relative_to(ROOT)) for file in tracked_files() if file.suffix.lower() in FORBIDDEN_SUFFIXES]
    assert not found, f"not to be committed (licence, or code that runs on loading; use safetensors): {found}"


def test_no_path_of_one_machine():
    found = {
        str(file.relative_to(ROOT)): paths
        for file in tracked_files()
        if (paths := machine_paths(text_of(file), ROOT))
    }
    assert not found, f"paths that only one machine has: {found}"


@pytest.mark.parametrize(
    "text",
    [
        "data = '/" + "home/ada/ratings.csv'",
        "open(/" + "Users/ada/x)",
        "C:\\" + "Users\\ada",
        "see /" + "root/.cache",
        "cd /srv/checkout/project",
    ],
)
def test_a_machine_path_is_noticed(text):
    assert machine_paths(text, Path("/srv/checkout/project"))


@pytest.mark.parametrize(
    "text", ["tests/home/ada", "https://example.org/home/ada", "/srv/checkout/projects", "~/data"]
)
def test_other_paths_pass(text):
    assert not machine_paths(text, Path("/srv/checkout/project"))
