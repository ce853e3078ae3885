"""The fenced code blocks of a Markdown text, and how each kind is run or checked.

* ``python``: executed, in order, in a new directory. Blocks under one heading share a namespace. A block that
  starts with the comment ``# name.py`` is written to that file first; one that defines ``test_`` functions is run
  by pytest.
* ``bash``: every line is a command; ``console``: every line after ``$ `` is one. A command is checked, not run: the
  make target, the pytest flag, the extra or the sub-command it names has to exist (see readme_commands).
* ``json``, ``toml``, ``yaml``: parsed. ``text``: left alone.

A block that cannot be run is declared in the line before it: ``<!-- not executed: why -->``.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import yaml

__all__ = ["Block", "ReadmeError", "extract_blocks", "parse_data", "python_sections", "run_section", "written_file"]

FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`]*)$")
DECLARED = re.compile(r"^\s*<!--\s*not executed:(?P<reason>.*)-->\s*$")
FILE_COMMENT = re.compile(r"# (?P<name>\w+\.py)\s*$")
PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
LANGUAGES = {"python", "bash", "console", "text", *PARSERS}

# Runs the blocks in the namespace of __main__. Leading newlines make a traceback name the line in the README.
DRIVER = """
import __main__, json, sys
for _block in json.load(sys.stdin):
    exec(compile("\\n" * (_block["line"] - 1) + _block["source"], "README.md", "exec"), vars(__main__))
"""


class ReadmeError(AssertionError):
    """A code block that does not do what it says."""


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is the number of its first line of code, `reason` why it is not executed."""

    language: str
    source: str
    line: int
    heading: str
    section: int
    reason: str | None = None


def extract_blocks(text: str) -> list[Block]:
    """All fenced blocks, in order.

    Raises:
        ReadmeError: a fence never closed, a language that nothing here can check, a declaration without a reason.
    """
    blocks: list[Block] = []
    heading, section, reason = "", 0, None
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        opened = FENCE.match(line)
        if not opened:
            if line.startswith("#"):
                heading, section = line.lstrip("# "), section + 1
            if declared := DECLARED.match(line):
                reason = declared["reason"].strip()
                if not reason:
                    raise ReadmeError(f"line {number}: say why: <!-- not executed: why -->")
            elif line.strip():
                reason = None
            continue
        language = opened["info"].split()[0] if opened["info"].split() else ""
        if language not in LANGUAGES:
            raise ReadmeError(f"line {number}: no test for a {language!r} block; use one of {sorted(LANGUAGES)}")
        closing = re.compile(rf"^\s*{re.escape(opened['fence'])}[`~]*\s*$")
        code = []
        for _, inner in lines:
            if closing.match(inner):
                break
            code.append(inner)
        else:
            raise ReadmeError(f"line {number}: the block is never closed")
        source = textwrap.dedent("\n".join(code)) + "\n"
        blocks.append(Block(language, source, number + 1, heading, section, reason))
        reason = None
    return blocks


def python_sections(blocks: Iterable[Block]) -> list[list[Block]]:
    """The python blocks to execute, those under one heading together."""
    python = [block for block in blocks if block.language == "python" and block.reason is None]
    return [list(group) for _, group in groupby(python, key=lambda block: block.section)]


def written_file(block: Block) -> str | None:
    """The file that a python block says it is: `# name.py` in its first line."""
    named = FILE_COMMENT.match(block.source.split("\n", 1)[0])
    return named["name"] if named and block.language == "python" else None


def parse_data(block: Block) -> object:
    """Parse a json, toml or yaml block."""
    try:
        return PARSERS[block.language](block.source)
    except (ValueError, yaml.YAMLError) as error:
        raise ReadmeError(f"line {block.line}: not {block.language}: {error}") from error


def run_section(blocks: list[Block], directory: Path) -> None:
    """Execute the python blocks of one section, in order, in one new process that works in `directory`."""
    code, tests = [], []
    for block in blocks:
        name = written_file(block)
        if _defines_tests(block):
            name = name or f"test_line_{block.line}.py"
            tests.append(name)
        else:
            code.append({"source": block.source, "line": block.line})
        if name:
            (directory / name).write_text(block.source, encoding="utf-8")
    _run([sys.executable, "-c", DRIVER], directory, blocks[0], stdin=json.dumps(code))
    if tests:
        told = _run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests], directory, blocks[0])
        if " passed" not in told:
            raise ReadmeError(f"line {blocks[0].line}: no test of {tests} has passed:\n{told}")


def _defines_tests(block: Block) -> bool:
    try:
        body = ast.parse(block.source).body
    except SyntaxError as error:
        raise ReadmeError(f"line {block.line}: not Python: {error}") from error
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in body)


def _run(command: list[str], directory: Path, first: Block, stdin: str = "") -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"}
    environment.pop("PYTEST_ADDOPTS", None)
    ran = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if ran.returncode != 0:
        raise ReadmeError(f"the section {first.heading!r} (line {first.line}) fails:\n{ran.stdout}{ran.stderr}")
    return ran.stdout
