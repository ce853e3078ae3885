"""RecBole's atomic files: tab-separated, the first line names each column with its type (`user_id:token`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rerank_model.data.columns import as_texts, interactions_from_table, require_unique
from rerank_model.data.delimited import Source, read_delimited, require_columns
from rerank_model.data.interactions import Interactions
from rerank_model.errors import DataError

__all__ = ["ItemTable", "read_recbole_inter", "read_recbole_item"]

_TYPES = ("token", "token_seq", "float", "float_seq")


@dataclass(frozen=True, slots=True)
class ItemTable:
    """An item file as it is: ids without repeats, and the other columns as text.

    Attributes:
        item_ids: one a row, in the order of the file.
        columns: name to values, one a row.
    """

    item_ids: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]


def read_recbole_inter(
    path: str | Path,
    *,
    user: str = "user_id",
    item: str = "item_id",
    timestamp: str = "timestamp",
    rating: str | None = None,
    encoding: str = "utf-8",
) -> Interactions:
    """Read an `.inter` file.

    Args:
        path: the file.
        user: name of the user column, without its type; so with `item` and `timestamp`.
        item: name of the item column.
        timestamp: name of the time column.
        rating: name of the rating column; None leaves ratings out.
        encoding: of the file.

    Raises:
        DataError: the file is malformed (names the line and the value), or lacks a column.
    """
    table, source = _read(Path(path), encoding)
    wanted = [user, item, timestamp] + ([] if rating is None else [rating])
    require_columns(
        table.column_names, wanted, source.name, 'user="...", item="...", timestamp="...", rating="..."'
    )
    return interactions_from_table(table, source, user=user, item=item, timestamp=timestamp, rating=rating)


def read_recbole_item(path: str | Path, *, item: str = "item_id", encoding: str = "utf-8") -> ItemTable:
    """Read an `.item` file: the id column, and all others as text.

    Raises:
        DataError: the file is malformed (names the line and the value), lacks the id column, or repeats an id.
    """
    table, source = _read(Path(path), encoding)
    require_columns(table.column_names, [item], source.name, 'item="..."')
    ids = as_texts(table[item], source, item)
    require_unique(ids, source, item)
    others = [name for name in table.column_names if name != item]
    return ItemTable(tuple(ids), {name: tuple(as_texts(table[name], source, name)) for name in others})


def _read(path: Path, encoding: str) -> tuple[Any, Source]:
    table, source = read_delimited(path, delimiter="\t", encoding=encoding)
    names = []
    for column in table.column_names:
        name, colon, kind = column.rpartition(":")
        if not colon or kind not in _TYPES:
            raise DataError(
                f"{path}, line 1: {column!r} is not `name:type` with a type out of {', '.join(_TYPES)}; an atomic file's "
                "first line names its columns so. For plain CSV or Parquet use read_interactions_table()."
            )
        names.append(name)
    return table.rename_columns(names), source
