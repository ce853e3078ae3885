"""Stored runs as files: what is written comes back, whole or not at all; any damage is an error that says what to do."""

from __future__ import annotations

import json
import os
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.builders import make_tasks
from rerank_guard.core.errors import RerankGuardError, StoredRunError
from rerank_guard.core.throughput import Throughput
from rerank_guard.stored import (
    RunConditions,
    Standings,
    StoredRun,
    data_fingerprint,
    read_stored_run,
    stored_run_of,
    write_stored_run,
)
from rerank_guard.stored.fingerprint import DATA_PARTS, text_fingerprint
from rerank_guard.stored.schema import SCHEMA, checksum_of, stored_run_to_json_dict

CONDITIONS = RunConditions(
    tokenizer="5f" * 32,
    prompt="History:\n{history}\nCandidates:\n{candidates}\nAnswer: ",
    config={"learning_rate": 0.001, "rank": 8, "base": "tiny ★", "packing": True},
    sampler="uniform",
    split="last",
)


def a_run(users=12, conditions=CONDITIONS, seed=0):
    rng = np.random.default_rng(seed)
    tasks = make_tasks([None, *rng.integers(0, 5, users - 1).tolist()], [5 + u % 3 for u in range(users)])
    scores = [rng.integers(0, 9, task.n_candidates).astype(np.float64) for task in tasks]
    return stored_run_of(
        scores,
        tasks,
        target="tiny reranker",
        created="2026-01-31",
        seed=3,
        versions={"python": "3.11.9"},
        conditions=conditions,
    )


def content(run):
    return stored_run_to_json_dict(run)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "baseline.json"


@pytest.fixture
def written(path):
    write_stored_run(path, a_run())
    return path


texts = st.text(max_size=8)
settings_of_a_config = st.one_of(
    texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)

timings = st.floats(1e-9, 1e6)
throughputs = st.lists(st.tuples(timings, timings, timings), min_size=1, max_size=4).flatmap(
    lambda rows: st.builds(Throughput, st.integers(1, 10**6), *map(st.just, zip(*rows, strict=True)), texts)
)


@st.composite
def runs(draw):
    query_ids = draw(st.lists(texts, min_size=1, max_size=6, unique=True))
    rows = []
    for _ in query_ids:
        n = draw(st.integers(2, 60))
        above = draw(st.integers(-1, n - 1))
        rows.append((n, above, 0 if above < 0 else draw(st.integers(1, n - above))))
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    declared = st.builds(
        RunConditions,
        st.text(min_size=1, max_size=8),
        texts,
        st.dictionaries(texts, settings_of_a_config),
        texts,
        texts,
    )
    return StoredRun(
        target=draw(texts),
        created=draw(st.one_of(st.dates(), st.datetimes())).isoformat(),
        seed=draw(st.integers(0, 2**64)),
        versions=draw(st.dictionaries(texts, texts, max_size=2)),
        data_parts={part: text_fingerprint(draw(texts)) for part in DATA_PARTS},
        conditions=draw(st.none() | declared),
        standings=Standings(tuple(query_ids), *columns),
        throughput=draw(st.none() | throughputs),
    )


@settings(max_examples=40, deadline=None)
@given(run=runs())
def test_what_is_written_comes_back(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("round") / "run.json"
    write_stored_run(path, run)
    again = read_stored_run(path)
    assert content(again) == content(run)
    assert again.conditions == run.conditions
    assert again.throughput == run.throughput
    first = path.read_bytes()
    write_stored_run(path, again)
    assert path.read_bytes() == first, "the same run gives the same bytes"


def test_half_a_surrogate_pair_comes_back_too(path):
    run = a_run(conditions=RunConditions("t", "\ud800 cut title"))
    write_stored_run(path, run)
    assert read_stored_run(path).conditions == run.conditions


def test_the_hash_of_the_data_in_the_file_is_that_of_the_tasks(path):
    tasks = make_tasks([0, 1], [3, 3])
    write_stored_run(
        path,
        stored_run_of(
            [np.zeros(3)] * 2, tasks, target="t", created="2026-01-31", seed=0, versions={}, conditions=None
        ),
    )
    assert json.loads(path.read_text())["data"]["sha256"] == data_fingerprint(tasks)


def test_a_hundred_thousand_users_take_a_few_megabytes(path):
    users = 100_000
    columns = [np.full(users, value, dtype=np.int64) for value in (50, 17, 1)]
    ids = tuple(f"user-{user}" for user in range(users))
    write_stored_run(path, StoredRun("t", "2026-01-31", 0, {}, a_run().data_parts, None, Standings(ids, *columns)))
    assert path.stat().st_size < 4_000_000
    assert len(read_stored_run(path).standings.query_ids) == users


# Written whole or not at all


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("broken", ["replace", "fsync", "chmod"])
def test_a_crash_while_writing_leaves_the_old_file_and_nothing_else(written, monkeypatch, broken, error):
    before = written.read_bytes()

    def fail(*_):
        raise error

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(StoredRunError if isinstance(error, OSError) else KeyboardInterrupt):
        write_stored_run(written, a_run(seed=1))
    monkeypatch.undo()
    assert written.read_bytes() == before
    assert [entry.name for entry in written.parent.iterdir()] == [written.name]
    assert content(read_stored_run(written)) == content(a_run())


def test_the_content_is_on_the_disk_before_the_name_changes(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (calls.append(("fsync", os.fstat(handle).st_size)), fsync(handle))
    )

    def recorded(source, target):
        assert os.path.dirname(source) == os.path.dirname(target), "a rename between folders need not be atomic"
        calls.append(("replace", os.stat(source).st_size))
        replace(source, target)

    monkeypatch.setattr(os, "replace", recorded)
    write_stored_run(path, a_run())
    size = path.stat().st_size
    assert calls == [("fsync", size), ("replace", size)]


def test_a_new_run_replaces_the_old_one_and_can_be_read_by_others(written):
    write_stored_run(written, a_run(seed=1))
    assert content(read_stored_run(written)) == content(a_run(seed=1))
    assert stat.S_IMODE(written.stat().st_mode) == 0o644


def test_a_link_keeps_pointing_where_it_does(written):
    link = written.parent / "link.json"
    link.symlink_to(written.name)
    write_stored_run(link, a_run(seed=1))
    assert link.is_symlink()
    assert content(read_stored_run(written)) == content(a_run(seed=1))


def test_a_folder_that_is_missing_is_made_and_one_that_cannot_be_is_named(tmp_path):
    write_stored_run(tmp_path / "a" / "b.json", a_run())
    assert read_stored_run(tmp_path / "a" / "b.json").target == "tiny reranker"
    with pytest.raises(StoredRunError, match=r"b\.json/c\.json"):
        write_stored_run(tmp_path / "a" / "b.json" / "c.json", a_run())


# Any damage is an error


def survives(path, damaged):
    """The content as read from `damaged`, None when it is refused as it should be."""
    path.write_bytes(damaged)
    try:
        return content(read_stored_run(path))
    except StoredRunError as error:
        message = str(error)
    assert message.startswith(f"{path}: "), "the message names the file"
    assert "--rerank-update-reference" in message, "the message names the way out"
    return None


def test_a_file_cut_short_anywhere_is_refused(written):
    whole = written.read_bytes()
    assert whole.endswith(b"}\n")
    survivors = [at for at in range(0, len(whole) - 1, 3) if survives(written, whole[:at]) is not None]
    survivors += [at for at in range(len(whole) - 9, len(whole) - 1) if survives(written, whole[:at]) is not None]
    assert survivors == []


def test_no_flipped_bit_changes_what_is_read(written):
    """Either the file is refused, or the flip was in the layout and the content is the same."""
    whole, original = written.read_bytes(), content(read_stored_run(written))
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (0, 6)[at % 2]
        assert survives(written, bytes(damaged)) in (None, original), f"byte {at}: {whole[at : at + 1]!r}"


def test_no_other_digit_is_taken(written):
    whole = written.read_bytes()
    digits = [at for at, byte in enumerate(whole) if 48 <= byte <= 57]
    assert len(digits) > 300
    for at in digits:
        other = b"%d" % ((whole[at] - 48 + 1) % 10)
        assert survives(written, whole[:at] + other + whole[at + 1 :]) is None, f"the digit at byte {at}"


def test_two_users_standings_cannot_be_swapped_by_hand(written):
    data = json.loads(written.read_text())
    data["standings"]["above"].reverse()
    data["standings"]["tied"].reverse()
    data["standings"]["n_candidates"].reverse()
    written.write_text(json.dumps(data))
    with pytest.raises(StoredRunError, match="checksum"):
        read_stored_run(written)


def test_another_layout_and_order_of_keys_is_the_same_content(written):
    data = json.loads(written.read_text())
    written.write_text(json.dumps(dict(reversed(data.items())), indent=4, ensure_ascii=False), encoding="utf-8")
    assert content(read_stored_run(written)) == content(a_run())


def set_to(*where_and_value):
    *where, last, value = where_and_value

    def change(data):
        for key in where:
            data = data[key]
        data[last] = value

    return change


def without(*where):
    *path, last = where

    def change(data):
        for key in path:
            data = data[key]
        del data[last]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_to("throughput", None), "throughput is None; it has to be an object"),
        (set_to("extra", 1), "the key 'extra' is unknown; known are format, schema"),
        (set_to("data", "rows", 1), "the key 'data.rows' is unknown"),
        (set_to("data", "parts", "colour", "ab" * 32), "the key 'data.parts.colour' is unknown"),
        (set_to("conditions", "batch", 1), "the key 'conditions.batch' is unknown"),
        (set_to("standings", "rank", []), "the key 'standings.rank' is unknown"),
        (without("seed"), "the key 'seed' is missing"),
        (without("conditions"), "the key 'conditions' is missing"),
        (without("data", "users"), "the key 'data.users' is missing"),
        (without("data", "parts", "texts"), "the key 'data.parts.texts' is missing"),
        (without("conditions", "prompt"), "the key 'conditions.prompt' is missing"),
        (without("standings", "tied"), "the key 'standings.tied' is missing"),
        (set_to("format", "report"), "format is 'report', not 'rerank-guard reference run'"),
        (without("format"), "format is None"),
        (set_to("schema", SCHEMA + 1), f"schema is {SCHEMA + 1}, of a newer rerank-guard"),
        (set_to("schema", 0), "schema is 0, of an older rerank-guard"),
        (set_to("schema", True), "schema is True"),
        (set_to("schema", "1"), "schema is '1'"),
        (set_to("target", None), "target is None; it has to be text"),
        (set_to("created", "yesterday"), "created is 'yesterday'"),
        (set_to("seed", 3.0), "seed is 3.0"),
        (set_to("seed", True), "seed is True"),
        (set_to("seed", -1), "seed is -1"),
        (set_to("versions", ["numpy"]), r"versions is \['numpy'\]; it has to be an object"),
        (set_to("versions", "numpy", 2), r"versions\.numpy is 2; it has to be text"),
        (set_to("data", "users", 12.0), r"data\.users is 12\.0"),
        (set_to("data", "users", 13), "data.users is 13, but the file's own content gives 12"),
        (set_to("data", "most_candidates", 50), "data.most_candidates is 50, but"),
        (set_to("data", "sha256", "ab" * 32), "data.sha256 is 'abab"),
        (set_to("data", "parts", "texts", "abc"), r"data_parts\['texts'\] is 'abc'"),
        (set_to("conditions", "prompt", "Rank:"), "conditions.prompt_sha256 is"),
        (set_to("conditions", "config", "rank", 16), "conditions.config_sha256 is"),
        (set_to("conditions", "config", "rank", None), r"config\['rank'\] is None"),
        (set_to("conditions", "config", [1]), r"conditions\.config is \[1\]; it has to be an object"),
        (set_to("conditions", "tokenizer", ""), "tokenizer is empty"),
        (set_to("conditions", "sampler", 3), r"conditions\.sampler is 3"),
        (set_to("standings", "query_ids", "u1"), r"standings\.query_ids is 'u1'"),
        (set_to("standings", "query_ids", 0, 5), r"standings\.query_ids\[0\] is 5"),
        (set_to("standings", "query_ids", 0, "user-1"), "query_id 'user-1' appears twice"),
        (set_to("standings", "above", [1]), r"standings\.above has 1 entries for 12 query_ids"),
        (without("standings", "n_candidates", 0), r"standings\.n_candidates has 11 entries for 12"),
        (set_to("standings", "above", 3, 1.0), r"standings\.above\[3\] is 1\.0"),
        (set_to("standings", "above", 3, None), r"standings\.above\[3\] is None"),
        (set_to("standings", "tied", 3, True), r"standings\.tied\[3\] is True"),
        (set_to("standings", "tied", 3, 10**30), r"standings\.tied\[3\] is 1000"),
        (set_to("standings", "tied", 3, 40), "'user-3' has .* no ranking"),
        (set_to("standings", "n_candidates", 3, -2), r"standings\.n_candidates\[3\] is -2"),
        (set_to("standings", {}), "the key 'standings.query_ids' is missing"),
        (set_to("checksum", 5), "checksum is 5; it has to be text"),
    ],
)
def test_the_schema_is_strict_even_where_the_checksum_fits(written, change, message):
    data = json.loads(written.read_text())
    signed_by_hand = "checksum" not in message
    change(data)
    if signed_by_hand:
        data["checksum"] = checksum_of(data)
    written.write_text(json.dumps(data))
    with pytest.raises(StoredRunError, match=message) as caught:
        read_stored_run(written)
    assert str(caught.value).startswith(f"{written}: ")
    assert str(caught.value).endswith("or store a new run with --rerank-update-reference.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "not strict JSON"),
        (lambda text: "[]", "the file is \\[\\]; it has to be an object"),
        (lambda text: "null", "the file is None"),
        (lambda text: text + "{}", "not strict JSON"),
        (lambda text: "\ufeff" + text, "not strict JSON"),
        (lambda text: text.replace("0.001", "NaN"), "it holds NaN"),
        (lambda text: text.replace("0.001", "-Infinity"), "it holds -Infinity"),
        (lambda text: text.replace("0.001", "1e999"), "it holds 1e999"),
        (lambda text: text.replace("0.001", "9" * 5000), "not strict JSON"),
        (lambda text: text.replace("0.001", "[" * 100_000), "not strict JSON"),
        (lambda text: text.replace('"seed": 3', '"seed": 3, "seed": 3'), "the key 'seed' appears twice"),
        (lambda text: text.replace('"rank": 8', '"rank": 8, "rank": 8'), "the key 'rank' appears twice"),
        (
            lambda text: text.replace(
                '  "seed": 3,\n', '<<<<<<< ours\n  "seed": 3,\n=======\n  "seed": 4,\n>>>>>>> x\n'
            ),
            "merge conflict",
        ),
        (lambda text: text.replace('"seed": 3', '"seed": 4'), "checksum is"),
        (lambda text: text.replace("tiny reranker", "tiny  reranker"), "checksum is"),
    ],
)
def test_what_python_would_take_for_json_is_refused(written, change, message):
    text = written.read_text()
    changed = change(text)
    assert changed != text
    written.write_text(changed, encoding="utf-8")
    with pytest.raises(StoredRunError, match=message):
        read_stored_run(written)


def test_bytes_that_are_no_text_are_refused(written):
    written.write_bytes(written.read_bytes().replace(b"tiny", b"t\xffny"))
    with pytest.raises(StoredRunError, match="utf-8"):
        read_stored_run(written)


def test_a_file_that_is_not_there_has_its_own_message(tmp_path):
    with pytest.raises(StoredRunError, match="--rerank-update-reference"):
        read_stored_run(tmp_path / "none.json")
    with pytest.raises(StoredRunError, match="cannot be read"):
        read_stored_run(tmp_path)
    assert issubclass(StoredRunError, RerankGuardError)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"created": "31/01/2026"}, "created is '31/01/2026'"),
        ({"created": None}, "created is None"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"target": 3}, "target is 3"),
        ({"versions": {"numpy": 2}}, r"versions\['numpy'\] is 2"),
        ({"throughput": 0.5}, r"throughput is 0\.5; give what measure_throughput gave"),
        ({"data_parts": {}}, r"data_parts has the keys \[\]"),
        ({"data_parts": dict.fromkeys(DATA_PARTS, "F" * 64)}, r"data_parts\['query_ids'\] is 'FFF"),
    ],
)
def test_a_run_that_cannot_be_stored_is_not_made(fields, message):
    run = a_run()
    good = {name: getattr(run, name) for name in run.__dataclass_fields__}
    with pytest.raises(StoredRunError, match=message):
        StoredRun(**{**good, **fields})
