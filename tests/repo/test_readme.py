"""Every code block of the README is executed or checked; and the checks notice a broken block."""

from __future__ import annotations

import sys
import textwrap

import pytest
from readme_blocks import Block, ReadmeError, extract_blocks, parse_data, python_sections, run_section, written_file
from readme_commands import check_command, commands
from repository import ROOT

from rerank_guard.core.config.configuration import configuration_from
from rerank_guard.core.verdict import Status
from rerank_guard.suite import check_reranker, load_target

BLOCKS = extract_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
SECTIONS = python_sections(BLOCKS)
COMMANDS = [
    (block.line, command)
    for block in BLOCKS
    if block.language in {"bash", "console"} and block.reason is None
    for command in commands(block)
]
DATA = [block for block in BLOCKS if block.language in {"json", "toml", "yaml"} and block.reason is None]
FILES = [name for block in BLOCKS if (name := written_file(block))]


def line_of(value: object) -> str:
    return f"line{value.line}" if isinstance(value, Block) else str(value)


def test_there_is_something_to_check():
    assert SECTIONS, "the README shows no Python"
    assert COMMANDS, "the README shows no command"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: f"line{section[0].line}")
def test_python_runs(section, tmp_path):
    run_section(section, tmp_path)


@pytest.mark.parametrize(("line", "command"), COMMANDS, ids=line_of)
def test_command_exists(line, command):
    check_command(command, FILES)


@pytest.mark.parametrize("block", DATA, ids=line_of)
def test_data_parses(block):
    parse_data(block)


def test_the_configuration_is_one_that_a_run_is_ok_with(tmp_path, monkeypatch):
    (block,) = [block for block in DATA if block.language == "toml"]
    path = tmp_path / "rerank_guard.toml"
    path.write_text(block.source)
    configuration = configuration_from(path)
    module = configuration.get("target").partition(":")[0]
    (source,) = [each.source for each in BLOCKS if written_file(each) == f"{module}.py"]
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    reranker = load_target(configuration.get("target"), seed=configuration.get("seed"))
    monkeypatch.delitem(sys.modules, module)
    report = check_reranker(reranker, config=path)
    assert report.ok
    excused = {verdict.check for verdict in report.verdicts if verdict.excused}
    assert excused == set(configuration.expected) != set()
    assert any(verdict.status is Status.IGNORED for verdict in report.verdicts)


def readme(*blocks: str) -> str:
    return "# Title\n\n" + "\n\n".join(textwrap.dedent(block) for block in blocks)


def python(source: str) -> str:
    return f"```python\n{source}\n```\n"


def test_blocks_are_found_with_their_lines():
    text = readme("```bash\nmake gate\n```", "- a list\n\n  ```python\n  x = 1\n  ```", "~~~text\n```\n~~~")
    blocks = extract_blocks(text)
    assert [(block.language, block.source) for block in blocks] == [
        ("bash", "make gate\n"),
        ("python", "x = 1\n"),
        ("text", "```\n"),
    ]
    lines = text.splitlines()
    assert [lines[block.line - 1].strip() for block in blocks] == ["make gate", "x = 1", "```"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```python\nx = 1\n", "never closed"),
        ("```py\nx = 1\n```", "no test for a 'py' block"),
        ("```\nx = 1\n```", "no test for a '' block"),
        ("<!-- not executed: -->\n```python\nx\n```", "say why"),
    ],
)
def test_a_block_that_nothing_would_check_is_refused(text, told):
    with pytest.raises(ReadmeError, match=told):
        extract_blocks(text)


def test_a_declared_block_is_not_executed():
    text = "<!-- not executed: needs CUDA -->\n" + python("raise SystemExit(3)") + python("x = 1")
    declared, other = extract_blocks(text)
    assert declared.reason == "needs CUDA"
    assert other.reason is None
    assert python_sections([declared, other]) == [[other]]


def test_a_declaration_counts_for_the_next_block_only_when_it_stands_right_before():
    (block,) = extract_blocks("<!-- not executed: old -->\nSome prose.\n" + python("x = 1"))
    assert block.reason is None


def test_blocks_under_one_heading_share_a_namespace(tmp_path):
    (section,) = python_sections(extract_blocks("# One\n" + python("x = 1") + python("assert x == 1")))
    run_section(section, tmp_path)


def test_another_heading_is_a_fresh_namespace(tmp_path):
    _, second = python_sections(extract_blocks("# One\n" + python("x = 1") + "# Two\n" + python("print(x)")))
    with pytest.raises(ReadmeError, match="name 'x' is not defined"):
        run_section(second, tmp_path)


def test_a_named_block_is_a_file_for_the_next_one(tmp_path):
    blocks = extract_blocks(python("# mine.py\nanswer = 42") + python("import mine\nassert mine.answer == 42"))
    run_section(blocks, tmp_path)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def f(:\n    pass", "not Python"),
        ("import no_such_module_at_all", "no_such_module_at_all"),
        ("assert 1 == 2", 'File "README.md", line 2'),
        ("def test_one():\n    assert 1 == 2", "1 failed"),
        ("import pytest\n\n@pytest.mark.skip\ndef test_one():\n    pass", "no test of .* has passed"),
    ],
)
def test_broken_python_is_noticed(tmp_path, source, told):
    with pytest.raises(ReadmeError, match=told):
        run_section(extract_blocks(python(source)), tmp_path)


def test_tests_in_a_block_are_run(tmp_path):
    run_section(extract_blocks(python("def test_one():\n    assert 1 == 1")), tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "make gate",
        "make gate DATA=ml-100k",
        "pip install 'rerank-guard[model]'",
        'pip install -c constraints.txt -e ".[dev]"  # a remark',
        "HF_HUB_OFFLINE=1 .venv/bin/pytest -x --lf tests/",
        "git clone somewhere && cd somewhere && make test",
        "python mine.py",
        "python -m build --wheel",
    ],
)
def test_a_sound_command_passes(command):
    check_command(command, {"mine.py"})


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("make gates", "No rule to make target"),
        ("make gate DATA=netflix", "choose one of"),
        ("make gate SPEED=fast", "no variable"),
        ("pytest --rerank-no-such-flag", "no flag '--rerank-no-such-flag'"),
        ("pytest tests/no_such_test.py", "there is no"),
        ("pytest -p mine:make_target", "writes mine.py"),
        ("pytest -p rerank_guard.no_such_module:make", "no module"),
        ("pytest -p rerank_guard.core.target:no_such_name", "defines no"),
        ("pip install 'rerank-guard[gpu]'", "no extra"),
        ("pip install rerank-gaurd", "not this package"),
        ("pip install -c no-such-file.txt .", "there is no"),
        ("rerank-check all", "not a command"),
        ("rerank-guard cure", "cure"),
        ("rm -rf build", "not a command"),
        ("make gate | tee log", "one plain command a line"),
        ("make test && make gates", "No rule to make target"),
        ("python no_such_script.py", "no script"),
    ],
)
def test_a_broken_command_is_noticed(command, told):
    with pytest.raises(ReadmeError, match=told):
        check_command(command)


def test_console_blocks_hold_commands_and_output():
    (block,) = extract_blocks("```console\n$ make test\n1 passed\n```")
    assert commands(block) == ["make test"]
    (output,) = extract_blocks("```console\n1 passed\n```")
    with pytest.raises(ReadmeError, match="without a command"):
        commands(output)


@pytest.mark.parametrize("block", ["```json\n{'a': 1}\n```", "```toml\na = \n```", "```yaml\na: [1\n```"])
def test_broken_data_is_noticed(block):
    with pytest.raises(ReadmeError, match=r"not (json|toml|yaml)"):
        parse_data(extract_blocks(block)[0])
