"""The cache and the fetching of MovieLens-100K, on hand-made files: no network here."""

from __future__ import annotations

import http.client
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from rerank_model.data import ml100k
from rerank_model.data.cache import MANIFEST, default_cache_dir, is_whole, manifest_source, store
from rerank_model.data.ml100k import fetch_ml_100k, load_ml_100k, read_ml_100k
from rerank_model.data.movielens import GENRES
from rerank_model.errors import DataError

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t2\t3\t50\n8\t1\t4\t60\n7\t1\t5\t40\n"
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "1\tGlass Pond, The\t1995\tDrama War\n2\tLoud Hats\t1996\tComedy\n"
)
RECBOLE = {"ml-100k.inter": INTER.encode(), "ml-100k.item": ITEM.encode()}


def flags(*genres: str) -> str:
    return "|".join("1" if genre in genres else "0" for genre in GENRES)


OFFICIAL = {
    "u.data": INTER.split("\n", 1)[1].encode(),
    "u.item": (
        f"1|Glass Pond, The (1995)|||x|{flags('Drama', 'War')}\n2|Loud Hats (1996)|||x|{flags('Comedy')}\n"
    ).encode("latin-1"),
}


def accept(folder: Path) -> None:
    """A check that finds nothing wrong."""


def unreachable() -> dict[str, bytes]:
    raise OSError("no route")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ml100k, "_COUNTS", {"interactions": 3, "users": 2, "items": 2})
    monkeypatch.setattr(ml100k, "_from_archive", unreachable)
    monkeypatch.setattr(ml100k, "_from_wheel", unreachable)


def test_cache_dir_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("RERANK_GUARD_CACHE", raising=False)
    assert default_cache_dir() == tmp_path / "xdg" / "rerank-guard"
    monkeypatch.setenv("RERANK_GUARD_CACHE", str(tmp_path / "own"))
    assert default_cache_dir() == tmp_path / "own"
    monkeypatch.delenv("RERANK_GUARD_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "rerank-guard"


def test_a_stored_folder_is_whole_until_a_byte_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store(folder, {"a": b"hello", "b": b""}, "somewhere", accept)
    assert is_whole(folder)
    assert manifest_source(folder) == "somewhere"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"], "nothing half-built stays behind"
    for damage in (b"hell", b"jello"):
        (folder / "a").write_bytes(damage)
        assert not is_whole(folder)
    (folder / "a").unlink()
    assert not is_whole(folder)


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"files": {}}', '{"files": {"a": 1}}'])
def test_a_damaged_manifest_is_not_whole(tmp_path: Path, manifest: str) -> None:
    (tmp_path / MANIFEST).write_text(manifest)
    assert not is_whole(tmp_path)


def test_a_failed_check_leaves_nothing(tmp_path: Path) -> None:
    def refuse(folder: Path) -> None:
        raise DataError("not this")

    with pytest.raises(DataError, match="not this"):
        store(tmp_path / "data", {"a": b"x"}, "somewhere", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_finished_first_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    def overtaken(_building: Path) -> None:
        if not folder.exists():
            store(folder, {"a": b"x"}, "the other", accept)

    store(folder, {"a": b"x"}, "this one", overtaken)
    assert manifest_source(folder) == "the other"


def test_a_cache_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match="RERANK_GUARD_CACHE"):
        store(tmp_path / "cache" / "data", {"a": b"x"}, "somewhere", accept)


def test_both_sources_give_the_same_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded = []
    for name, files in (("_from_archive", OFFICIAL), ("_from_wheel", RECBOLE)):
        with monkeypatch.context() as patch:
            patch.setattr(ml100k, name, lambda files=files: files)
            loaded.append(load_ml_100k(tmp_path / name))
    (ours, our_catalogue), (theirs, their_catalogue) = loaded
    assert our_catalogue == their_catalogue
    assert our_catalogue.texts == {"1": "The Glass Pond (1995), Drama, War", "2": "Loud Hats (1996), Comedy"}
    assert (ours.user_ids, ours.item_ids) == (theirs.user_ids, theirs.item_ids) == (("7", "8"), ("1", "2"))
    assert ours.item.tolist() == theirs.item.tolist() == [1, 0, 0]
    assert ours.timestamp.tolist() == theirs.timestamp.tolist() == [50, 60, 40]


def test_fetched_once_then_offline_and_refetched_when_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetches = []

    def wheel() -> dict[str, bytes]:
        fetches.append("wheel")
        return RECBOLE

    monkeypatch.setattr(ml100k, "_from_wheel", wheel)
    notes: list[str] = []
    folder = fetch_ml_100k(tmp_path, lambda _done, _total, note="": notes.append(note))
    assert "may not be redistributed" in notes[-1]
    assert str(folder) in notes[-1]
    assert "redistributed" in (folder / "LICENCE-NOTE.txt").read_text()
    assert "wheel" in manifest_source(folder)
    fetch_ml_100k(tmp_path)
    assert fetches == ["wheel"]
    (folder / "ml-100k.inter").write_bytes(RECBOLE["ml-100k.inter"][:40])
    load_ml_100k(tmp_path)
    assert fetches == ["wheel", "wheel"]
    assert is_whole(folder)


@pytest.mark.parametrize("failure", [OSError("no route"), http.client.IncompleteRead(b""), DataError("wrong MD5")])
def test_a_failing_archive_falls_to_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception
) -> None:
    def fail() -> dict[str, bytes]:
        raise failure

    monkeypatch.setattr(ml100k, "_from_archive", fail)
    monkeypatch.setattr(ml100k, "_from_wheel", lambda: RECBOLE)
    assert "wheel" in manifest_source(fetch_ml_100k(tmp_path))


def test_no_source_says_why_for_each_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ml-100k\.zip: no route; the recbole==1\.2\.1 wheel: no route.*u\.data"):
        fetch_ml_100k(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_data_under_that_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ml100k, "_COUNTS", {"interactions": 4, "users": 2, "items": 2})
    monkeypatch.setattr(ml100k, "_from_wheel", lambda: RECBOLE)
    with pytest.raises(DataError, match="'interactions': 3"):
        fetch_ml_100k(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_either_pair_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither u\.data and u\.item nor"):
        read_ml_100k(tmp_path)


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return buffer.getvalue()


@pytest.fixture
def undo_small(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()


@pytest.mark.usefixtures("undo_small")
def test_the_wheel_is_downloaded_by_pip_and_its_members_read(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        members = {f"recbole/dataset_example/ml-100k/{name}": contents for name, contents in RECBOLE.items()}
        (folder / "recbole-1.2.1-py3-none-any.whl").write_bytes(zipped(members))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert ml100k._from_wheel() == RECBOLE
    assert "--no-deps" in commands[0]
    assert commands[0][-1] == "recbole==1.2.1"


@pytest.mark.usefixtures("undo_small")
def test_a_failing_pip_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No matching distribution")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(DataError, match="status 1: ERROR: No matching distribution"):
        ml100k._from_wheel()


@pytest.mark.usefixtures("undo_small")
def test_a_changed_archive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"ml-100k/{name}": contents for name, contents in OFFICIAL.items()}
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: io.BytesIO(zipped(members)))
    with pytest.raises(DataError, match=r"MD5 .* is expected"):
        ml100k._from_archive()
