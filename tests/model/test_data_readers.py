from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank_model.data.interactions import Interactions
from rerank_model.data.movielens import GENRES, movies_from_recbole, read_u_data, read_u_item
from rerank_model.data.recbole import read_recbole_inter, read_recbole_item
from rerank_model.data.tabular import read_catalogue_table, read_interactions_table
from rerank_model.errors import DataError

INTER = (
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t4\t891717742\n"
)
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "1\tToy Story\t1995\tAnimation Children's Comedy\n"
    "267\tunkonwn\tunkonwn\tunknown\n"
    "543\tMisérables, Les\t1995\tDrama Musical\n"
    "1373\tGood Morning\t1971\tunknown\n"
    "1412\tLand Before Time III: The Time of the Great Giving (1995)\tV\tAnimation Children's\n"
    "1635\tTwo Friends\t1986\tDrama\n"
)


def u_item_line(item_id: str, title: str, *genres: str) -> str:
    flags = "|".join("1" if genre in genres else "0" for genre in GENRES)
    return f"{item_id}|{title}|01-Jan-1995||http://example.org/{item_id}|{flags}\n"


U_ITEM = "".join(
    (
        u_item_line("1", "Toy Story (1995)", "Animation", "Children's", "Comedy"),
        u_item_line("267", "unknown", "unknown"),
        u_item_line("543", "Misérables, Les (1995)", "Drama", "Musical"),
        u_item_line("1373", "Good Morning (1971)", "unknown"),
        u_item_line(
            "1412", "Land Before Time III: The Time of the Great Giving (1995) (V)", "Animation", "Children's"
        ),
        u_item_line("1635", "Two Friends (1986) ", "Drama"),
    )
)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def _write(name: str, text: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return _write


Write = Callable[..., Path]


def test_recbole_and_u_data_give_the_same_interactions(write: Write) -> None:
    ours = read_recbole_inter(write("x.inter", INTER), rating="rating")
    theirs = read_u_data(write("u.data", INTER.split("\n", 1)[1]))
    assert (ours.user_ids, ours.item_ids) == (theirs.user_ids, theirs.item_ids) == (("196", "186"), ("242", "302"))
    for name in ("user", "item", "timestamp", "rating"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    assert ours.timestamp.dtype == np.int64


def test_recbole_and_u_item_give_the_same_movies(write: Write) -> None:
    ours = movies_from_recbole(read_recbole_item(write("x.item", ITEM)))
    theirs = read_u_item(write("u.item", U_ITEM, "latin-1"))
    assert ours == theirs
    assert [(movie.title, movie.year) for movie in ours] == [
        ("Toy Story", "1995"),
        ("unknown", None),
        ("Misérables, Les", "1995"),
        ("Good Morning", "1971"),
        ("Land Before Time III: The Time of the Great Giving", "1995"),
        ("Two Friends", "1986"),
    ]


def test_columns_of_other_names_and_order(write: Write) -> None:
    text = "when:float\tthing:token\twho:token\n1.5\ta\tu\n2\tb\tu\n"
    data = read_recbole_inter(write("x.inter", text), user="who", item="thing", timestamp="when")
    assert data.timestamp.tolist() == [1.5, 2.0]
    assert data.rating is None


MALFORMED_INTER = [
    pytest.param(b"", "is empty", id="no bytes"),
    pytest.param(INTER.splitlines()[0] + "\n", "no rows", id="header only"),
    pytest.param(
        INTER[:-4], r"line 3: the last line '186\\t302\\t4\\t891717' has no line end", id="cut inside a number"
    ),
    pytest.param(INTER[:-12] + "\n", r"line 3: 3 value\(s\) where 4", id="cut inside a row"),
    pytest.param(
        INTER.replace("881250949", "soon"), "line 2: column 'timestamp' holds 'soon'", id="time is a word"
    ),
    pytest.param(INTER.replace("891717742", "nan"), "line 3: column 'timestamp' holds nan", id="time is nan"),
    pytest.param(INTER.replace("891717742", ""), "line 3: column 'timestamp' holds ''", id="time is empty"),
    pytest.param(INTER.replace("196", ""), "line 2: column 'user_id' is empty", id="no user"),
    pytest.param(INTER.replace("\t4\t", "\tgood\t"), "line 3: column 'rating' holds 'good'", id="rating is a word"),
    pytest.param(INTER.replace("302", "3\t02"), r"line 3: 5 value\(s\) where 4", id="too many"),
    pytest.param(INTER.replace("\n186", "\n\n186"), "line 3: column 'user_id' is empty", id="blank line"),
    pytest.param(
        INTER.replace("242", "é").encode("latin-1"), r"line 2: byte 0xe9 in '196.*encoding=", id="latin-1"
    ),
    pytest.param(INTER.replace("user_id:token", "user_id"), "'user_id' is not `name:type`", id="untyped"),
    pytest.param(INTER.replace("rating:float", "item_id:token"), "'item_id:token' more than once", id="name twice"),
    pytest.param(
        INTER.replace("timestamp", "time"), "no column 'timestamp'.*'rating', 'time'.*timestamp=", id="other name"
    ),
]


@pytest.mark.parametrize(("text", "message"), MALFORMED_INTER)
def test_malformed_inter(write: Write, text: str | bytes, message: str) -> None:
    path = write("bad.inter", text)
    with pytest.raises(DataError, match=message) as raised:
        read_recbole_inter(path, rating="rating")
    assert "bad.inter" in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.inter is not a file"):
        read_recbole_inter(tmp_path / "gone.inter")


def test_a_long_file_names_the_right_line(write: Write) -> None:
    lines = [f"u{row % 97}\ti{row % 53}\t{row}\n" for row in range(30_000)]
    lines[24_680] = "u\ti\t12x\n"
    with pytest.raises(DataError, match="line 24682: column 'timestamp' holds '12x'"):
        read_recbole_inter(write("x.inter", "user_id:token\titem_id:token\ttimestamp:float\n" + "".join(lines)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ITEM.replace("267\t", "1\t"), "line 3: item id '1' is already at line 2"),
        (ITEM.replace("267\t", "\t"), "line 3: column 'item_id' is empty"),
    ],
)
def test_malformed_item(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_recbole_item(write("bad.item", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (U_ITEM.replace("267|", "1|"), "line 2: item id '1' is already at line 1"),
        (U_ITEM.replace("|0\n", "|yes\n", 1), "line 1: genre flag 'Western' is 'yes'"),
        (U_ITEM.replace("|0\n", "\n", 1), r"line 1: 23 value\(s\) where 24"),
    ],
)
def test_malformed_u_item(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_u_item(write("u.item", text, "latin-1"))


def test_an_item_table_of_another_data_set_is_no_movie_table(write: Write) -> None:
    table = read_recbole_item(write("x.item", "item_id:token\tname:token_seq\n1\tPen\n"))
    with pytest.raises(DataError, match="no column 'movie_title'"):
        movies_from_recbole(table)


PLAIN = st.text(
    st.characters(codec="utf-8", exclude_characters="\t\r\n\x00", exclude_categories=("Cs", "Cc")), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(PLAIN, PLAIN, st.integers(-(10**15), 10**15)), min_size=1, max_size=8))
def test_any_id_survives_an_inter_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("inter") / "x.inter"
    body = "".join(f"{user}\t{item}\t{time}\n" for user, item, time in rows)
    path.write_text("user_id:token\titem_id:token\ttimestamp:float\n" + body, encoding="utf-8", newline="")
    assert _rows(read_recbole_inter(path)) == rows


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(INTER) - 1))
def test_a_file_cut_anywhere_is_an_error_or_ends_with_a_whole_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "x.inter"
    path.write_text(INTER[:cut], newline="")
    if INTER[:cut].count("\n") >= 2 and INTER[:cut].endswith("\n"):
        assert len(read_recbole_inter(path)) == 1
    else:
        with pytest.raises(DataError, match=r"x\.inter"):
            read_recbole_inter(path)


def _rows(data: Interactions) -> list[tuple[str, str, int]]:
    return [
        (data.user_ids[u], data.item_ids[i], int(t))
        for u, i, t in zip(data.user, data.item, data.timestamp, strict=True)
    ]


CSV = 'user,item,timestamp,stars\nann,"x, the first",10,5\nbob,y,20,4\n'


def test_csv_with_quotes(write: Write) -> None:
    data = read_interactions_table(write("x.csv", CSV), rating="stars")
    assert _rows(data) == [("ann", "x, the first", 10), ("bob", "y", 20)]
    assert data.rating is not None
    assert data.rating.tolist() == [5.0, 4.0]


def test_csv_with_a_byte_order_mark_and_windows_line_ends(write: Write) -> None:
    path = write("x.csv", "\ufeff" + CSV.replace("\n", "\r\n"))
    assert _rows(read_interactions_table(path)) == [("ann", "x, the first", 10), ("bob", "y", 20)]


def test_tsv(write: Write) -> None:
    assert _rows(read_interactions_table(write("x.tsv", "user\titem\ttimestamp\na\tb\t1\n"))) == [("a", "b", 1)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "x.csv",
            CSV.replace("timestamp", "time"),
            "no column 'timestamp'; its columns are 'user', 'item', 'time', 'stars'",
        ),
        ("x.csv", CSV[:-3], "has no line end"),
        ("x.csv", CSV.replace('first"', "first"), "record 2"),
        ("x.csv", CSV.replace("20", "2020-01-01"), "record 3: column 'timestamp' holds '2020-01-01'"),
        ("x.csv", "\n" + CSV, "line 1 is blank"),
        ("x.txt", CSV, "ends in '.txt'"),
        ("x.parquet", b"PAR1 not really", "not a whole Parquet file"),
    ],
)
def test_malformed_tables(write: Write, name: str, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_interactions_table(write(name, text))


def parquet(tmp_path: Path, **columns: object) -> Path:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_with_integer_ids_and_dates(tmp_path: Path) -> None:
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    path = parquet(tmp_path, who=[3, 3], item=["a", "b"], timestamp=[moment, moment + dt.timedelta(seconds=1.5)])
    data = read_interactions_table(path, user="who")
    assert (data.user_ids, data.item_ids) == (("3",), ("a", "b"))
    assert data.timestamp.tolist() == [1577836800.0, 1577836801.5]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user": ["a", None], "item": ["x", "y"], "timestamp": [1, 2]}, "row 2: column 'user' has no value"),
        ({"user": ["a", "b"], "item": ["x", "y"], "timestamp": [1, None]}, "row 2: column 'timestamp' has no value"),
        ({"user": ["a", "b"], "item": ["x", "y"], "timestamp": [1.0, float("inf")]}, "row 2: .* holds inf"),
        ({"user": [1.0, 2.0], "item": ["x", "y"], "timestamp": [1, 2]}, "column 'user' has type double"),
        ({"user": ["a", "b"], "item": ["x", "y"]}, "no column 'timestamp'"),
        ({"user": pa.array([], pa.string()), "item": pa.array([], pa.string()), "timestamp": pa.array([], pa.int64())}, "no rows"),
    ],
)  # fmt: skip
def test_malformed_parquet(tmp_path: Path, columns: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_interactions_table(parquet(tmp_path, **columns))


def test_parquet_cut_in_half(tmp_path: Path) -> None:
    path = parquet(tmp_path, user=["a"] * 100, item=["x"] * 100, timestamp=list(range(100)))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read_interactions_table(path)


def test_catalogue_joins_the_text_columns_that_are_filled(write: Write, tmp_path: Path) -> None:
    path = write("items.csv", 'item,title,maker\n1,"Pen, blue",Acme\n2,Ink,\n')
    assert read_catalogue_table(path, text=["title", "maker"]).texts == {"1": "Pen, blue, Acme", "2": "Ink"}
    other = parquet(tmp_path, item=[1, 2], title=["Pen, blue", "Ink"], maker=["Acme", None])
    assert read_catalogue_table(other, text=["title", "maker"]).texts == {"1": "Pen, blue, Acme", "2": "Ink"}


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("item,title\n1,a\n1,b\n", ["title"], "record 3: item id '1' is already at record 2"),
        ("item,title\n1,\n", ["title"], "item '1' has a blank text"),
        ("item,title\n1,a\n", ["name"], "no column 'name'; its columns are 'item', 'title'"),
        ("item,title\n1,a\n", "title", "text is 'title'; name the text columns in a list"),
    ],
)
def test_malformed_item_tables(write: Write, text: str, columns: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_catalogue_table(write("items.csv", text), text=columns)
