"""CSV and Parquet files whose columns are chosen by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rerank_guard.core.types import Item
from rerank_model.data.catalogue import Catalogue
from rerank_model.data.columns import as_texts, interactions_from_table, require_unique
from rerank_model.data.delimited import Source, read_delimited, require_columns
from rerank_model.data.interactions import Interactions
from rerank_model.errors import DataError

__all__ = ["catalogue_from_columns", "read_catalogue_table", "read_interactions_table"]


def read_interactions_table(
    path: str | Path,
    *,
    user: str = "user",
    item: str = "item",
    timestamp: str = "timestamp",
    rating: str | None = None,
    encoding: str = "utf-8",
) -> Interactions:
    """Read interactions from a `.csv` (comma), `.tsv` (tab) or `.parquet` file.

    Args:
        path: the file; its ending says the format.
        user: name of the user column; so with `item` and `timestamp`.
        item: name of the item column.
        timestamp: name of the time column: numbers, or in Parquet also dates (read as seconds since 1970).
        rating: name of the rating column; None leaves ratings out.
        encoding: of a text file.

    Raises:
        DataError: unknown ending, malformed file (names the place and the value), or a missing column (lists those
            there are).
    """
    wanted = [user, item, timestamp] + ([] if rating is None else [rating])
    table, source = _read(Path(path), wanted, encoding, 'user="...", item="...", timestamp="...", rating="..."')
    return interactions_from_table(table, source, user=user, item=item, timestamp=timestamp, rating=rating)


def read_catalogue_table(
    path: str | Path, *, text: Sequence[str], item: str = "item", encoding: str = "utf-8"
) -> Catalogue:
    """Read items from a `.csv`, `.tsv` or `.parquet` file; an item's text is its text columns joined by ", ".

    Empty text columns are not part of the text; an item whose text columns are all empty is an error.

    Raises:
        DataError: as `read_interactions_table`; also a repeated id, no text column named, or an item without text.
    """
    if isinstance(text, str) or not text:
        raise DataError(f'text is {text!r}; name the text columns in a list, such as text=["title", "genre"].')
    table, source = _read(Path(path), [item, *text], encoding, 'item="..." and text=["...", ...]')
    ids = as_texts(table[item], source, item)
    require_unique(ids, source, item)
    columns = [[value or "" for value in map(_text_or_none, table[name].to_pylist())] for name in text]
    return catalogue_from_columns(ids, columns)


def catalogue_from_columns(item_ids: Sequence[str], columns: Sequence[Sequence[str]]) -> Catalogue:
    """A catalogue whose texts are the columns' values, joined by ", " where they are not empty.

    Raises:
        DataError: as `Catalogue`.
    """
    texts = (", ".join(value for value in values if value.strip()) for values in zip(*columns, strict=True))
    return Catalogue(tuple(Item(item_id, text) for item_id, text in zip(item_ids, texts, strict=True)))


def _read(path: Path, wanted: Sequence[str], encoding: str, how: str) -> tuple[Any, Source]:
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        delimiter = "," if ending == ".csv" else "\t"
        table, source = read_delimited(path, delimiter=delimiter, encoding=encoding, quoted=True)
        require_columns(table.column_names, wanted, str(path), how)
        return table, source
    if ending == ".parquet":
        return _read_parquet(path, wanted, how)
    raise DataError(f"{path} ends in {ending!r}; give a .csv, .tsv or .parquet file, or rename it.")


def _read_parquet(path: Path, wanted: Sequence[str], how: str) -> tuple[Any, Source]:
    if not path.is_file():
        raise DataError(f"{path} is not a file; check the path.")
    try:
        require_columns(pq.read_schema(path).names, wanted, str(path), how)
        table = pq.read_table(path, columns=list(dict.fromkeys(wanted)))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path} is not a whole Parquet file: {error}. Fetch or write it again.") from error
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows; fetch or write it again.")
    return table, Source(str(path), "row", 1)


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
