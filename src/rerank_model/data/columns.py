"""Columns of a table turned into codes and numbers, each invalid value named with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rerank_guard.core.types import FloatArray, IntArray
from rerank_model.data.delimited import Source
from rerank_model.data.interactions import Interactions, TimeArray
from rerank_model.errors import DataError

__all__ = ["as_floats", "as_ids", "as_texts", "as_times", "interactions_from_table", "require_unique"]

_INTEGER = r"^[+-]?[0-9]{1,18}$"


def interactions_from_table(
    table: Any, source: Source, *, user: str, item: str, timestamp: str, rating: str | None
) -> Interactions:
    """Interactions from the named columns of a `pyarrow.Table`.

    Raises:
        DataError: an empty or missing value, or a timestamp or rating that is not a finite number; names the place.
    """
    user_ids, users = as_ids(table[user], source, user)
    item_ids, items = as_ids(table[item], source, item)
    return Interactions(
        user_ids=user_ids,
        item_ids=item_ids,
        user=users,
        item=items,
        timestamp=as_times(table[timestamp], source, timestamp),
        rating=None if rating is None else as_floats(table[rating], source, rating),
    )


def as_ids(column: Any, source: Source, name: str) -> tuple[tuple[str, ...], IntArray]:
    """The column's distinct values as text, in order of first appearance, and each row's code (n,) int64.

    Raises:
        DataError: an empty or missing id.
    """
    _require_no_nulls(column, source, name)
    if not (_is_text(column.type) or pa.types.is_integer(column.type)):
        raise DataError(
            f"{source.name}: column {name!r} has type {column.type}; ids must be text or integers "
            "(1 and 1.0 would be different ids). Convert the column."
        )
    encoded = pc.dictionary_encode(column).unify_dictionaries()
    vocabulary = tuple(encoded.chunk(0).dictionary.cast(pa.string()).to_pylist()) if encoded.num_chunks else ()
    codes = [np.asarray(chunk.indices.to_numpy(zero_copy_only=False), dtype=np.int64) for chunk in encoded.chunks]
    joined = np.concatenate(codes) if codes else np.empty(0, dtype=np.int64)
    if "" in vocabulary:
        row = int(np.argmax(joined == vocabulary.index("")))
        raise DataError(f"{source.at(row)}: column {name!r} is empty; every row needs an id.")
    return vocabulary, joined


def as_texts(column: Any, source: Source, name: str) -> list[str]:
    """The column's values as text.

    Raises:
        DataError: a missing value.
    """
    _require_no_nulls(column, source, name)
    return [str(value) for value in column.to_pylist()]


def as_times(column: Any, source: Source, name: str) -> TimeArray:
    """Timestamps: int64 where all are whole numbers, seconds since 1970 for date types, else float64.

    Raises:
        DataError: a missing value, or one that is not a finite number.
    """
    _require_no_nulls(column, source, name)
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        microseconds = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False)
        return np.asarray(microseconds.cast(pa.int64()).to_numpy() / 1e6, dtype=np.float64)
    if pa.types.is_integer(column.type) and not pa.types.is_uint64(column.type):
        return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
    if _is_text(column.type) and pc.all(pc.match_substring_regex(column, _INTEGER)).as_py():
        return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
    return as_floats(column, source, name)


def as_floats(column: Any, source: Source, name: str) -> FloatArray:
    """The column as (n,) float64.

    Raises:
        DataError: a missing value, or one that is not a finite number.
    """
    _require_no_nulls(column, source, name)
    values = _cast_to_float(column)
    if values is None:
        row = _first_failing(column)
        raise DataError(
            f"{source.at(row)}: column {name!r} holds {column[row].as_py()!r}, which is not a number; "
            "give numbers (for dates: seconds since 1970)."
        )
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError(f"{source.at(row)}: column {name!r} holds {values[row]}; give finite numbers.")
    return values


def require_unique(ids: list[str], source: Source, name: str) -> None:
    """Raise when an id is in two rows.

    Raises:
        DataError: names the id and both places.
    """
    first: dict[str, int] = {}
    for row, one in enumerate(ids):
        if not one:
            raise DataError(f"{source.at(row)}: column {name!r} is empty; every row needs an id.")
        if first.setdefault(one, row) != row:
            raise DataError(
                f"{source.at(row)}: item id {one!r} is already at {source.unit} {first[one] + source.first}; "
                "keep one row an item."
            )


def _require_no_nulls(column: Any, source: Source, name: str) -> None:
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise DataError(
            f"{source.at(row)}: column {name!r} has no value ({column.null_count:,} such in all); "
            "fill it, or leave these rows out."
        )


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _cast_to_float(column: Any) -> FloatArray | None:
    try:
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _first_failing(column: Any) -> int:
    """The first row that cannot be cast to a number, by bisection: the caster itself says which values it takes."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        if _cast_to_float(column.slice(low, middle - low)) is None:
            high = middle
        else:
            low = middle
    return low
