"""Checks that a command line in the README is one that really works: its targets, flags, extras and files exist.

Nothing is executed but `--help` and `make -n`: the commands of a README install, train and clone.
"""

from __future__ import annotations

import ast
import functools
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Collection
from pathlib import PurePosixPath

from readme_blocks import Block, ReadmeError
from repository import ROOT, make

__all__ = ["check_command", "commands"]

MAKE_VARIABLES = {"PYTHON", "VENV", "DATA", "ARGS"}
PIP_FLAGS = {"-c", "-e", "-U", "--upgrade", "-q"}
VERBATIM = {"source .venv/bin/activate", ". .venv/bin/activate", "python -m venv .venv", "python3 -m venv .venv"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def commands(block: Block) -> list[str]:
    """The commands of a bash block (every line) or a console block (every line after `$ `); `\\` joins lines."""
    lines = block.source.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    found = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not found:
        raise ReadmeError(f"line {block.line}: a {block.language} block without a command; use `text` for output")
    return found


def check_command(line: str, files: Collection[str] = ()) -> None:
    """Check one command line.

    Args:
        line: the command; several may be joined by `&&`.
        files: names of files that the README itself has told the reader to write.

    Raises:
        ReadmeError: something in the line does not exist, or the line is of no kind that is known here.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for token in [*lexer, "&&"]:
        if token == "&&":
            _check(command, files)
            command = []
        elif set(token) <= set("();<>|&"):
            raise ReadmeError(f"{line!r}: {token!r} is not checked here; write one plain command a line")
        else:
            command.append(token)


def _check(command: list[str], files: Collection[str]) -> None:
    while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
        command = command[1:]
    line = " ".join(command)
    if line in VERBATIM or re.fullmatch(r"git clone \S+|cd [\w-]+", line):
        return
    program, *arguments = command or [""]
    if program in {"python", "python3"} and arguments[:1] == ["-m"]:
        program, *arguments = arguments[1:] or [""]
    checker = CHECKERS.get(program.removeprefix(".venv/bin/"))
    if checker is None:
        raise ReadmeError(f"{line!r}: {program!r} is not a command that is known here")
    checker(arguments, files)


def _check_make(arguments: list[str], files: Collection[str]) -> None:
    names = {argument.split("=")[0] for argument in arguments if "=" in argument}
    if not names <= MAKE_VARIABLES:
        raise ReadmeError(f"the Makefile has no variable {sorted(names - MAKE_VARIABLES)}")
    planned = make("-n", *arguments)
    if planned.returncode != 0:
        raise ReadmeError(f"make {' '.join(arguments)}: {planned.stderr}")


def _check_pytest(arguments: list[str], files: Collection[str]) -> None:
    _check_flags("pytest", arguments, _help("-m", "pytest", "--help"))
    for argument in arguments:
        value = argument.partition("=")[2] or argument
        if target := re.fullmatch(r"(rerank_(?:guard|model)[\w.]*):(\w+)", value):
            _check_object(target[1], target[2])
        elif re.fullmatch(r"\w+:\w+", value) and f"{value.split(':')[0]}.py" not in files:
            raise ReadmeError(f"{value!r}: no block of the README writes {value.split(':')[0]}.py")
        elif re.fullmatch(r"[\w/.-]+\.py|\w+/", value) and value not in files and not (ROOT / value).exists():
            raise ReadmeError(f"there is no {value!r}")


def _check_object(module: str, name: str) -> None:
    stem = ROOT / "src" / module.replace(".", "/")
    file = stem.with_suffix(".py") if stem.with_suffix(".py").exists() else stem / "__init__.py"
    if not file.exists():
        raise ReadmeError(f"there is no module {module}")
    defined = {getattr(node, "name", None) for node in ast.parse(file.read_text(encoding="utf-8")).body}
    if name not in defined:
        raise ReadmeError(f"{module} defines no {name}")


def _check_pip(arguments: list[str], files: Collection[str]) -> None:
    if arguments[:1] != ["install"]:
        raise ReadmeError(f"pip {' '.join(arguments)}: only `pip install` is known here")
    extras = set(PROJECT["optional-dependencies"])
    previous = ""
    for argument in arguments[1:]:
        requirement = re.fullmatch(r"(?P<name>[\w./*-]+)(?:\[(?P<extras>[\w,]+)\])?(?:[=<>]=?.+)?", argument)
        if previous == "-c":
            if not (ROOT / argument).exists():
                raise ReadmeError(f"pip: there is no {argument!r}")
        elif argument.startswith("-"):
            if argument not in PIP_FLAGS:
                raise ReadmeError(f"pip: {argument!r} is not one of {sorted(PIP_FLAGS)}")
        elif requirement is None or not _is_ours(requirement["name"]):
            raise ReadmeError(f"pip: {argument!r} is not this package")
        elif unknown := set((requirement["extras"] or "").split(",")) - extras - {""}:
            raise ReadmeError(f"pip: {argument!r}: there is no extra {sorted(unknown)}; there are {sorted(extras)}")
        previous = argument


def _is_ours(name: str) -> bool:
    return name in {PROJECT["name"], "."} or bool(re.fullmatch(r"dist/[\w.*-]+\.whl", name))


def _check_model_command(arguments: list[str], files: Collection[str]) -> None:
    _check_own_command("rerank-model", "rerank_model.cli.main", arguments)


def _check_guard_command(arguments: list[str], files: Collection[str]) -> None:
    _check_own_command("rerank-guard", "rerank_guard.cli.main", arguments)


def _check_own_command(program: str, module: str, arguments: list[str]) -> None:
    """Its subcommand exists, and takes these flags."""
    subcommand = arguments[:1] if arguments and not arguments[0].startswith("-") else []
    start = f"import sys; sys.argv[0] = {program!r}; from {module} import main; sys.exit(main())"
    _check_flags(program, arguments, _help("-c", start, *subcommand, "--help"))


def _check_script(arguments: list[str], files: Collection[str]) -> None:
    script = next((argument for argument in arguments if not argument.startswith("-")), "")
    if not script.endswith(".py") or (script not in files and not (ROOT / script).exists()):
        raise ReadmeError(f"python {' '.join(arguments)}: there is no script {script!r}")


def _check_build(arguments: list[str], files: Collection[str]) -> None:
    _check_flags("build", arguments, _help("-m", "build", "--help"))


def _check_flags(program: str, arguments: list[str], told: str) -> None:
    known = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", told))
    for argument in arguments:
        flag = argument.split("=")[0]
        if re.match(r"--?[a-zA-Z]", flag) and flag not in known:
            raise ReadmeError(f"{program} has no flag {flag!r}")


@functools.cache
def _help(*arguments: str) -> str:
    # Away from the repository's root, where pytest would read our own settings and conftest files.
    with tempfile.TemporaryDirectory() as directory:
        told = subprocess.run(
            [sys.executable, *arguments], cwd=directory, capture_output=True, text=True, timeout=120, check=False
        )
    if told.returncode != 0:
        # Not the inline program of `-c`, but what it was asked.
        raise ReadmeError(f"{' '.join(PurePosixPath(a).name for a in arguments[1:])} fails:\n{told.stderr}")
    return told.stdout


CHECKERS: dict[str, Callable[[list[str], Collection[str]], None]] = {
    "make": _check_make,
    "pytest": _check_pytest,
    "pip": _check_pip,
    "rerank-guard": _check_guard_command,
    "rerank-model": _check_model_command,
    "build": _check_build,
    "python": _check_script,
    "python3": _check_script,
}
