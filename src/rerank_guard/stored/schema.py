"""A reference run to JSON data and back, strictly: nothing is guessed, filled in or ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from rerank_guard.core.conditions import RunConditions
from rerank_guard.core.errors import RerankGuardError, StoredRunError
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import IntArray
from rerank_guard.stored.fingerprint import DATA_PARTS, canonical_json, mapping_fingerprint, text_fingerprint
from rerank_guard.stored.run import StoredRun
from rerank_guard.stored.standing import Standings

__all__ = ["FORMAT", "SCHEMA", "checksum_of", "stored_run_from_json_dict", "stored_run_to_json_dict"]

FORMAT = "rerank-guard reference run"
"""Distinguishes this file from any other JSON with a `schema`."""

SCHEMA = 1
"""Version of the layout; raised when a key changes its meaning, is removed, or when a required key is added.

The key "throughput" may be left out: files from before it was known are read as they are.
"""

_MOST = 2**31 - 1  # of any count; far above all that occurs, and safe to add

_TOP = ("format", "schema", "target", "created", "seed", "versions", "data", "conditions", "standings", "checksum")
_DATA = ("sha256", "users", "fewest_candidates", "most_candidates", "parts")
_CONDITIONS = ("tokenizer", "prompt", "prompt_sha256", "config", "config_sha256", "sampler", "split")
_STANDINGS = ("query_ids", "n_candidates", "above", "tied")
_THROUGHPUT = ("users", "device", "seconds", "loop_seconds", "matmul_seconds")
_OPTIONAL = ("throughput",)


def stored_run_to_json_dict(run: StoredRun) -> dict[str, Any]:
    """A reference run as strict JSON data, keys in reading order, columns as arrays, the checksum last."""
    standings, conditions = run.standings, run.conditions
    data: dict[str, Any] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "target": run.target,
        "created": run.created,
        "seed": run.seed,
        "versions": dict(run.versions),
        "data": {
            "sha256": run.data_hash,
            "users": len(standings.query_ids),
            "fewest_candidates": int(standings.n_candidates.min()),
            "most_candidates": int(standings.n_candidates.max()),
            "parts": dict(run.data_parts),
        },
        "conditions": None if conditions is None else _conditions_to_json(conditions),
        "standings": {
            "query_ids": list(standings.query_ids),
            "n_candidates": standings.n_candidates.tolist(),
            "above": standings.above.tolist(),
            "tied": standings.tied.tolist(),
        },
    }
    if run.throughput is not None:
        data["throughput"] = _throughput_to_json(run.throughput)
    return {**data, "checksum": checksum_of(data)}


def checksum_of(data: Mapping[str, Any]) -> str:
    """SHA-256 over all of `data` but its checksum, whatever the order of keys and the layout of the file.

    It shows damage, merges and hand edits. It holds no secret: whoever makes a new checksum can write what they
    like, and only version control shows that.
    """
    return text_fingerprint(canonical_json({key: value for key, value in data.items() if key != "checksum"}))


def stored_run_from_json_dict(data: object) -> StoredRun:
    """The run that `stored_run_to_json_dict` was given.

    Raises:
        StoredRunError: another format or schema version; a key too many or too few; a value of the wrong type, columns
            of different lengths; a checksum or hash that does not fit. The message names key and value.
    """
    top = _object(data, "the file")
    if top.get("format") != FORMAT:
        raise StoredRunError(f"format is {top.get('format')!r:.200}, not {FORMAT!r}: this is another kind of file.")
    version = _count(top.get("schema"), "schema")
    if version != SCHEMA:
        age = "a newer" if version > SCHEMA else "an older"
        raise StoredRunError(f"schema is {version}, of {age} rerank-guard; this one reads schema {SCHEMA}.")
    _require_keys(top, _TOP, "", _OPTIONAL)
    described = _described(top["data"])
    run = StoredRun(
        target=_text(top["target"], "target"),
        created=_text(top["created"], "created"),
        seed=_count(top["seed"], "seed"),
        versions=_texts(top["versions"], "versions"),
        data_parts=_texts(described["parts"], "data.parts"),
        conditions=None if top["conditions"] is None else _conditions(top["conditions"]),
        standings=_standings(top["standings"]),
        throughput=_throughput(top["throughput"]) if "throughput" in top else None,
    )
    stored = _text(top["checksum"], "checksum")
    computed = checksum_of(top)
    if stored != computed:
        raise StoredRunError(
            f"checksum is {stored:.16}..., but the content's is {computed:.16}...: something was changed after it was "
            "written (by hand, by a merge, or by a damaged disk)."
        )
    _require_derived(top, run)
    return run


def _conditions_to_json(conditions: RunConditions) -> dict[str, Any]:
    return {
        "tokenizer": conditions.tokenizer,
        "prompt": conditions.prompt,
        "prompt_sha256": text_fingerprint(conditions.prompt),
        "config": dict(conditions.config),
        "config_sha256": mapping_fingerprint(conditions.config),
        "sampler": conditions.sampler,
        "split": conditions.split,
    }


def _throughput_to_json(throughput: Throughput) -> dict[str, Any]:
    return {
        "users": throughput.users,
        "device": throughput.device,
        "seconds": list(throughput.seconds),
        "loop_seconds": list(throughput.loop_seconds),
        "matmul_seconds": list(throughput.matmul_seconds),
    }


def _described(value: object) -> dict[str, Any]:
    described = _object(value, "data")
    _require_keys(described, _DATA, "data.")
    _text(described["sha256"], "data.sha256")
    for key in ("users", "fewest_candidates", "most_candidates"):
        _count(described[key], f"data.{key}")
    _require_keys(_object(described["parts"], "data.parts"), DATA_PARTS, "data.parts.")
    return described


def _conditions(value: object) -> RunConditions:
    declared = _object(value, "conditions")
    _require_keys(declared, _CONDITIONS, "conditions.")
    for key in ("prompt_sha256", "config_sha256"):
        _text(declared[key], f"conditions.{key}")
    return RunConditions(
        tokenizer=_text(declared["tokenizer"], "conditions.tokenizer"),
        prompt=_text(declared["prompt"], "conditions.prompt"),
        config=_object(declared["config"], "conditions.config"),
        sampler=_text(declared["sampler"], "conditions.sampler"),
        split=_text(declared["split"], "conditions.split"),
    )


def _standings(value: object) -> Standings:
    columns = _object(value, "standings")
    _require_keys(columns, _STANDINGS, "standings.")
    query_ids = columns["query_ids"]
    if not isinstance(query_ids, list):
        _refuse(query_ids, "standings.query_ids", "a list of texts")
    for row, query_id in enumerate(query_ids):
        _text(query_id, f"standings.query_ids[{row}]")
    counts = {name: _column(columns[name], f"standings.{name}", len(query_ids)) for name in _STANDINGS[1:]}
    return Standings(query_ids=tuple(query_ids), **counts)


def _throughput(value: object) -> Throughput:
    timed = _object(value, "throughput")
    _require_keys(timed, _THROUGHPUT, "throughput.")
    for name in _THROUGHPUT[2:]:
        if not isinstance(timed[name], list):
            _refuse(timed[name], f"throughput.{name}", "a list of seconds")
    try:
        return Throughput(
            users=_count(timed["users"], "throughput.users"),
            device=_text(timed["device"], "throughput.device"),
            **{name: tuple(timed[name]) for name in _THROUGHPUT[2:]},
        )
    except StoredRunError:
        raise
    except RerankGuardError as error:
        raise StoredRunError(str(error)) from error


def _column(value: object, where: str, users: int) -> IntArray:
    if not isinstance(value, list):
        _refuse(value, where, "a list of whole numbers")
    if len(value) != users:
        raise StoredRunError(f"{where} has {len(value)} entries for {users} query_ids; there has to be one a user.")
    for row, entry in enumerate(value):
        if type(entry) is not int or not -1 <= entry <= _MOST:  # -1 says that the target is not listed
            _refuse(entry, f"{where}[{row}]", f"a whole number from -1 to {_MOST}")
    return np.array(value, dtype=np.int64)


def _require_derived(top: Mapping[str, Any], run: StoredRun) -> None:
    """Refuse a file whose summary and hashes were not made from its content, as if another program had written it."""
    expected = stored_run_to_json_dict(run)
    pairs = [
        (f"{section}.{key}", top[section][key], expected[section][key])
        for section, keys in (("data", _DATA), ("conditions", _CONDITIONS))
        for key in keys
        if top[section] is not None
    ]
    for where, stored, computed in pairs:
        if stored != computed:
            raise StoredRunError(f"{where} is {stored!r:.100}, but the file's own content gives {computed!r:.100}.")


def _require_keys(
    data: Mapping[str, Any], expected: tuple[str, ...], prefix: str, optional: tuple[str, ...] = ()
) -> None:
    for key in data:
        if key not in (*expected, *optional):
            known = ", ".join((*expected, *optional))
            raise StoredRunError(f"the key {prefix + key!r} is unknown; known are {known}.")
    for key in expected:
        if key not in data:
            raise StoredRunError(f"the key {prefix + key!r} is missing.")


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(value, where, "an object")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        _refuse(value, where, "text")
    return value


def _texts(value: object, where: str) -> dict[str, str]:
    return {key: _text(entry, f"{where}.{key}") for key, entry in _object(value, where).items()}


def _count(value: object, where: str) -> int:
    if type(value) is not int or value < 0:  # bool is an int to isinstance
        _refuse(value, where, "a whole number from 0 on")
    return value


def _refuse(value: object, where: str, wanted: str) -> NoReturn:
    raise StoredRunError(f"{where} is {value!r:.200}; it has to be {wanted}.")
