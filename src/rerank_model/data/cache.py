"""Folders of downloaded files that are either whole or not there.

A folder is built beside its final place and renamed into it. It carries a manifest with the size and SHA-256 of
each file, so that an incomplete copy is seen and fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rerank_model.errors import DataError

__all__ = ["MANIFEST", "default_cache_dir", "is_whole", "manifest_source", "store"]

MANIFEST = "manifest.json"


def default_cache_dir() -> Path:
    """`$RERANK_GUARD_CACHE`, else `$XDG_CACHE_HOME/rerank-guard`, else `~/.cache/rerank-guard`."""
    own = os.environ.get("RERANK_GUARD_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rerank-guard"


def is_whole(folder: Path) -> bool:
    """Whether the folder holds every file of its manifest, byte for byte."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return bool(files) and all(
            (folder / name).stat().st_size == entry["bytes"] and _sha256(folder / name) == entry["sha256"]
            for name, entry in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def manifest_source(folder: Path) -> str:
    """Where the files of a whole folder came from."""
    return str(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["source"])


def store(folder: Path, files: Mapping[str, bytes], source: str, check: Callable[[Path], None]) -> None:
    """Write the files and their manifest, check them, and rename the folder into its place.

    Args:
        folder: the final place; a folder that is there and not whole is replaced.
        files: file name to contents.
        source: where they came from, kept in the manifest.
        check: reads the new folder and raises when the contents are not what they should be.

    Raises:
        DataError: the cache cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise DataError(
            f"the cache {folder.parent} cannot be written: {error}. Choose another with $RERANK_GUARD_CACHE."
        ) from error
    try:
        for name, contents in files.items():
            (building / name).write_bytes(contents)
        check(building)
        entries = {
            name: {"bytes": len(contents), "sha256": hashlib.sha256(contents).hexdigest()}
            for name, contents in files.items()
        }
        manifest = json.dumps({"source": source, "files": entries}, indent=1)
        (building / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        if folder.exists() and not is_whole(folder):
            shutil.rmtree(folder)
        try:
            building.rename(folder)
        except OSError:
            # Another process was first; its folder is as good as this one.
            if not is_whole(folder):
                raise
    except OSError as error:
        raise DataError(
            f"the cache folder {folder} cannot be written: {error}. Choose another with $RERANK_GUARD_CACHE."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
