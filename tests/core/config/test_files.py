"""Which configuration files are read, and files that are odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerank_guard.core.config.files import find_tables, read_table
from rerank_guard.core.errors import ConfigError

SHARED = "[tool.rerank_guard]\nalpha = 0.01\n"


def test_both_files_of_a_folder_count_and_the_own_one_comes_last(tmp_path):
    (tmp_path / "pyproject.toml").write_text(SHARED)
    (tmp_path / "rerank_guard.toml").write_text("alpha = 0.02")
    assert [(each.path.name, each.table) for each in find_tables(tmp_path)] == [
        ("pyproject.toml", {"alpha": 0.01}),
        ("rerank_guard.toml", {"alpha": 0.02}),
    ]


def test_the_nearest_folder_that_has_one_counts_alone(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "rerank_guard.toml").write_text("seed = 1")
    (tmp_path / "a" / "pyproject.toml").write_text(SHARED)
    (inner / "pyproject.toml").write_text("[tool.other]\nx = 1")
    assert [each.path.parent for each in find_tables(inner)] == [tmp_path / "a"]


def test_an_empty_file_of_its_own_ends_the_search(tmp_path):
    (tmp_path / "rerank_guard.toml").write_text("seed = 1")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "rerank_guard.toml").write_text("")
    assert [dict(each.table) for each in find_tables(tmp_path / "a")] == [{}]


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfalpha = 0.01\n", b"alpha = 0.01\r\n", b"# \xc3\xa9\nalpha = 0.01"]
)
def test_files_of_other_editors(tmp_path, content):
    (tmp_path / "rerank_guard.toml").write_bytes(content)
    assert read_table(tmp_path / "rerank_guard.toml").table == {"alpha": 0.01}


@pytest.mark.parametrize(
    "content",
    [b"alpha =", b"\xff\xfe", b"x = " + b"9" * 5000, b"x = " + b"[" * 3000, b"a = 1\na = 2"],
    ids=["no value", "not UTF-8", "digits", "depth", "twice"],
)
def test_what_cannot_be_read_is_said_with_the_file(tmp_path, content):
    (tmp_path / "rerank_guard.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"rerank_guard\.toml"):
        find_tables(tmp_path)


@pytest.mark.parametrize(
    "text", ["[[tool.rerank_guard]]\nalpha = 0.1", "[tool]\nrerank_guard = 3", "[tool.rerank-guard]\nalpha = 0.1"]
)
def test_a_table_that_would_not_be_read_is_refused(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"pyproject\.toml.*rerank"):
        find_tables(tmp_path)


@pytest.mark.parametrize("text", ["tool = 3", "[[tool]]\nx = 1", "[tool.other]\nx = 1"])
def test_a_pyproject_of_others_is_passed_over_and_refused_where_it_is_named(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert all(each.path.parent != tmp_path for each in find_tables(tmp_path))
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        read_table(tmp_path / "pyproject.toml")


@pytest.mark.parametrize("name", ["missing.toml", "", "null\0byte.toml"])
def test_a_named_file_has_to_be_there(tmp_path, name):
    with pytest.raises(ConfigError):
        read_table(tmp_path / name)


def test_a_folder_that_may_not_be_searched_has_no_configuration(tmp_path, monkeypatch):
    real = Path.is_file

    def is_file(path: Path) -> bool:
        if path.parent == tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    (tmp_path / "below").mkdir()
    assert all(tmp_path != file.path.parent for file in find_tables(tmp_path / "below"))
