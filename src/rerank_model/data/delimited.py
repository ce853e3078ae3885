"""Delimited text files read strictly: a row that does not fit is an error that names its line.

pyarrow does the reading (25 million rows in seconds); what it leaves to the caller is done here: encoding errors
with their line, rows of the wrong width, and a file that stops in the middle of a line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from rerank_model.errors import DataError

__all__ = ["Source", "read_delimited", "require_columns"]

_TAIL_BYTES = 4096
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Source:
    """Where a table came from, so that an error can name the place.

    Attributes:
        name: the file.
        unit: what is counted, "line" for text files and "row" for others.
        first: the number of the table's first row in that unit.
    """

    name: str
    unit: str
    first: int

    def at(self, row: int) -> str:
        """The place of the table's 0-based `row`, such as "u.data, line 3"."""
        return f"{self.name}, {self.unit} {row + self.first}"


def read_delimited(
    path: Path,
    *,
    delimiter: str,
    encoding: str = "utf-8",
    columns: Sequence[str] | None = None,
    quoted: bool = False,
) -> tuple[Any, Source]:
    """Read a delimited text file as a `pyarrow.Table` of strings.

    Args:
        path: the file. Its last line must end: one that does not may have been cut, and a timestamp cut short
            would still be a number.
        delimiter: one character.
        encoding: the file's encoding; bytes that do not fit are an error.
        columns: the columns of a file without a header; None when the first line names them.
        quoted: whether values may be in double quotes (CSV), and then span lines; a place is then given as
            a record's number, the header being record 1.

    Returns:
        The table, and its source for error messages.

    Raises:
        DataError: missing, empty or truncated file, wrong encoding, or a row with too few or too many values.
    """
    _require_whole(path)
    names = list(columns) if columns is not None else _header(path, delimiter, encoding, quoted)
    invalid: list[Any] = []

    def keep(row: Any) -> str:
        invalid.append(row)
        return "skip"

    try:
        table = pacsv.read_csv(
            path,
            # Single-threaded, so that an invalid row knows its number.
            read_options=pacsv.ReadOptions(use_threads=False, encoding=encoding, column_names=columns),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoted else False,
                double_quote=quoted,
                newlines_in_values=quoted,
                ignore_empty_lines=False,
                invalid_row_handler=keep,
            ),
            convert_options=pacsv.ConvertOptions(
                # Every column as text: what a value means is decided by name, later.
                column_types={name: pa.string() for name in names},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        _require_encoding(path, encoding)
        raise DataError(
            f"{path} cannot be read as delimited text: {error}. Check the file and its delimiter."
        ) from error
    if invalid:
        first = invalid[0]
        raise DataError(
            f"{path}, {'record' if quoted else 'line'} {first.number}: {first.actual_columns} value(s) where {first.expected_columns} are "
            f"expected, in {_shorten(first.text)!r} ({len(invalid)} such in all). The file may be cut or mixed "
            "up, or have another delimiter; fetch or write it again."
        )
    if table.num_rows == 0:
        raise DataError(f"{path} has a header but no rows; fetch or write it again.")
    return table, Source(str(path), "record" if quoted else "line", 1 if columns is not None else 2)


def require_columns(present: Sequence[str], wanted: Sequence[str], name: str, how: str) -> None:
    """Raise when a wanted column is missing.

    Args:
        present: the columns there are.
        wanted: the columns asked for.
        name: the file.
        how: how the caller names a column, such as `user="..."`.

    Raises:
        DataError: lists the columns there are and how to name them.
    """
    missing = [column for column in wanted if column not in present]
    if missing:
        raise DataError(
            f"{name} has no column {missing[0]!r}; its columns are {', '.join(map(repr, present))}. "
            f"Name the right one with {how}."
        )


def _header(path: Path, delimiter: str, encoding: str, quoted: bool) -> list[str]:
    with path.open("rb") as file:
        line = file.readline()
    try:
        text = line.decode(encoding).removeprefix("\ufeff").rstrip("\r\n")
    except UnicodeDecodeError:
        _require_encoding(path, encoding)
        raise
    names = next(csv.reader([text], delimiter=delimiter)) if quoted else text.split(delimiter)
    if not text.strip():
        raise DataError(f"{path}, line 1 is blank where the header is expected; fetch or write the file again.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path} names column {twice[0]!r} more than once: {', '.join(names)}; rename one of them.")
    return names


def _require_whole(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path} is not a file; check the path.")
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path} is empty (0 bytes); fetch or write it again.")
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    if not tail.endswith(b"\n"):
        last = tail.rsplit(b"\n", 1)[-1].decode("utf-8", "replace")
        number = _count_lines(path) + 1
        raise DataError(
            f"{path}, line {number}: the last line {_shorten(last)!r} has no line end, so the file may have been cut. "
            "Fetch or write it again; if it is whole, end it with a newline."
        )


def _require_encoding(path: Path, encoding: str) -> None:
    """Name the line of the first bytes that do not fit `encoding`; return when all do."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, line {number}: byte 0x{line[error.start]:02x} in "
                    f"{_shorten(line.decode(encoding, 'backslashreplace').strip())!r} is not {encoding}. "
                    'Name the file\'s encoding, such as encoding="latin-1", or convert the file to UTF-8.'
                ) from error


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
