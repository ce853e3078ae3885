"""Reference runs as files: written whole or not at all, read strictly or not at all."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, NoReturn

from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.errors import StoredRunError
from rerank_guard.stored.run import StoredRun
from rerank_guard.stored.schema import stored_run_from_json_dict, stored_run_to_json_dict

__all__ = ["WAY_OUT", "read_stored_run", "write_stored_run"]

WAY_OUT = "Restore the file from version control, or store a new run with --rerank-update-reference."
"""What to do about a reference run that cannot be read."""


def write_stored_run(path: str | os.PathLike[str], run: StoredRun) -> None:
    """Store `run` at `path`, replacing what was there; after a crash there is the old file or the new one.

    Strict JSON, one line a section, so that a diff shows which section changed; ASCII, with a checksum at the end.

    Raises:
        StoredRunError: the file cannot be written; what was there is untouched.
    """
    data = stored_run_to_json_dict(run)
    lines = (f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in data.items())
    try:
        replace_text(Path(path), "{\n" + ",\n".join(lines) + "\n}\n")
    except OSError as error:
        raise StoredRunError(
            f"{os.fspath(path)}: cannot be written ({error}); name a file in a folder that can be written to."
        ) from error


def read_stored_run(path: str | os.PathLike[str]) -> StoredRun:
    """Read what `write_stored_run` wrote.

    Raises:
        StoredRunError: there is no file; or it is not strict JSON, does not meet the schema (see
            `schema.stored_run_from_json_dict`), or was changed after it was written. The message names the file, the
            key and value at fault, and the way out.
    """
    name = os.fspath(path)
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise StoredRunError(
            f"{name}: there is no reference run yet; run once with --rerank-update-reference to store one, and commit it."
        ) from error
    except OSError as error:
        raise StoredRunError(f"{name}: cannot be read ({error}); name a file with --rerank-reference.") from error
    try:
        return stored_run_from_json_dict(_strict_json(raw))
    except StoredRunError as error:
        raise StoredRunError(f"{name}: {error} {WAY_OUT}") from error


def _strict_json(raw: bytes) -> object:
    """The data in `raw`, without what Python's json accepts beyond the standard.

    Raises:
        StoredRunError: not UTF-8, not JSON, a key twice in one object, NaN or an infinity.
    """
    if b"\n<<<<<<< " in raw or raw.startswith(b"<<<<<<< "):
        raise StoredRunError("there are merge conflict markers (<<<<<<<) in it; two runs cannot be merged.")
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
        )
    except StoredRunError:
        raise
    except (ValueError, RecursionError) as error:  # of UTF-8, of JSON, of a number with thousands of digits
        raise StoredRunError(f"it is not strict JSON ({error}); it may have been cut short or damaged.") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StoredRunError(f"the key {twice!r} appears twice in one object.")
    return data


def _refuse_constant(text: str) -> NoReturn:
    raise StoredRunError(f"it holds {text}, which is not a number.")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise StoredRunError(f"it holds {text}, which is beyond any float.")
    return number
