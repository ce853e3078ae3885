"""Who took what and when, as integer codes into two vocabularies.

Codes keep 25 million rows practical: a row is three or four machine words, and every step on it (splitting,
sampling, counting) is a numpy operation.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.types import BoolArray, FloatArray, IntArray
from rerank_model.errors import DataError

if TYPE_CHECKING:
    from rerank_model.data.catalogue import Catalogue

__all__ = ["Interactions", "TimeArray"]

TimeArray = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """n interactions, in the order of their source; parts of one data set share its vocabularies.

    Attributes:
        user_ids: the U user ids that `user` points into, without repeats.
        item_ids: the I item ids that `item` points into, without repeats; may hold items without interactions.
        user: (n,) int64, position in `user_ids`.
        item: (n,) int64, position in `item_ids`.
        timestamp: (n,) int64 or float64, any unit that grows with time, finite.
        rating: (n,) float64, or None when the source has none.

    Raises:
        DataError: an array has another length, type or range, a timestamp is not finite, an id repeats or is empty.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    user: IntArray
    item: IntArray
    timestamp: TimeArray
    rating: FloatArray | None = None

    def __post_init__(self) -> None:
        _require_vocabulary("user", self.user_ids)
        _require_vocabulary("item", self.item_ids)
        _require_codes("user", self.user, len(self.user_ids))
        _require_codes("item", self.item, len(self.item_ids))
        lengths = {"user": len(self.user), "item": len(self.item), "timestamp": len(self.timestamp)}
        if self.rating is not None:
            lengths["rating"] = len(self.rating)
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise DataError(
                f"the columns do not belong together: {shown} rows; give each interaction one value each."
            )
        if self.timestamp.dtype not in (np.dtype(np.int64), np.dtype(np.float64)):
            raise DataError(
                f"timestamp has dtype {self.timestamp.dtype}; convert it to int64 or float64 "
                "(for dates: seconds since 1970)."
            )
        finite = np.isfinite(self.timestamp)
        if not finite.all():
            row = int(np.argmin(finite))
            raise DataError(
                f"row {row} has timestamp {self.timestamp[row]}; every interaction needs a finite one. "
                "Leave out rows without a time, or give them one."
            )

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def from_columns(
        cls,
        users: Sequence[Hashable],
        items: Sequence[Hashable],
        timestamps: Sequence[float] | TimeArray,
        ratings: Sequence[float] | FloatArray | None = None,
    ) -> Interactions:
        """Interactions from plain columns, one value a row; ids are turned into text.

        Raises:
            DataError: as the class does, or a timestamp or rating that is not a number.
        """
        user_ids, user = _encode(users)
        item_ids, item = _encode(items)
        return cls(
            user_ids=user_ids,
            item_ids=item_ids,
            user=user,
            item=item,
            timestamp=_as_times(timestamps),
            rating=None if ratings is None else _as_floats("rating", ratings),
        )

    def take(self, rows: IntArray | BoolArray) -> Interactions:
        """The interactions at `rows` (positions, or a mask of length n), over the same vocabularies."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            timestamp=self.timestamp[rows],
            rating=None if self.rating is None else self.rating[rows],
        )

    def chronological(self) -> Interactions:
        """The same interactions sorted by user, then time; equal times keep the order of the source.

        The source's order, and not the item id, breaks ties: ids are often handed out by age or popularity, so
        breaking ties by id would choose later or rarer items.
        """
        return self.take(np.lexsort((self.timestamp, self.user)))

    def user_offsets(self) -> IntArray:
        """(U + 1,) int64: user u's rows are `[offsets[u], offsets[u + 1])`.

        Raises:
            DataError: the rows are not grouped by user.
        """
        if np.any(np.diff(self.user) < 0):
            raise DataError("the rows are not sorted by user; call chronological() first.")
        counts = np.bincount(self.user, minlength=len(self.user_ids))
        return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

    def without_repeats(self) -> Interactions:
        """Only the earliest interaction of each (user, item) pair, in the order of the source."""
        by_time = np.lexsort((self.timestamp,))
        _, first = np.unique(self.pair_keys()[by_time], return_index=True)
        return self.take(np.sort(by_time[first]))

    def require_no_repeats(self) -> None:
        """Raise when a user took an item twice: the target would be in its own history.

        Raises:
            DataError: shows the first such pair and the number of repeated rows.
        """
        keys = np.sort(self.pair_keys())
        repeated = keys[1:] == keys[:-1]
        if repeated.any():
            user, item = divmod(int(keys[1:][repeated][0]), len(self.item_ids))
            raise DataError(
                f"{int(repeated.sum()):,} of {len(self):,} interactions repeat a (user, item) pair, such as user "
                f"{self.user_ids[user]!r} with item {self.item_ids[item]!r}; the target would be in its own history. "
                "Call without_repeats() first, which keeps the earliest of each pair."
            )

    def pair_keys(self) -> IntArray:
        """(n,) int64: one number a (user, item) pair."""
        return self.user * len(self.item_ids) + self.item

    def aligned_to(self, catalogue: Catalogue) -> Interactions:
        """The same interactions with the catalogue's items as vocabulary, in the catalogue's order.

        Samplers then see every item of the catalogue, also those without interactions.

        Raises:
            DataError: items that were taken are missing from the catalogue.
        """
        catalogue.require_items(self)
        position = {item_id: code for code, item_id in enumerate(catalogue.item_ids)}
        recode = np.array([position.get(item_id, -1) for item_id in self.item_ids], dtype=np.int64)
        return replace(self, item_ids=catalogue.item_ids, item=recode[self.item])


def _encode(values: Sequence[Hashable]) -> tuple[tuple[str, ...], IntArray]:
    texts = [str(value) for value in values]
    vocabulary: dict[str, int] = {}
    codes = np.fromiter(
        (vocabulary.setdefault(text, len(vocabulary)) for text in texts), dtype=np.int64, count=len(texts)
    )
    return tuple(vocabulary), codes


def _as_times(values: Sequence[float] | TimeArray) -> TimeArray:
    array = np.asarray(values)
    if array.size == 0 or array.dtype.kind in "iu":
        return array.astype(np.int64)
    return _as_floats("timestamp", values)


def _as_floats(name: str, values: Sequence[float] | FloatArray | TimeArray) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        for row, value in enumerate(values):
            try:
                float(value)
            except (TypeError, ValueError):
                raise DataError(
                    f"row {row} has {name} {value!r}, which is not a number; give numbers (for dates: seconds since 1970)."
                ) from None
        raise DataError(f"the {name} column is not one number a row; give a flat sequence of numbers.") from None


def _require_vocabulary(name: str, ids: tuple[str, ...]) -> None:
    if "" in ids:
        raise DataError(f"an empty {name} id; every interaction needs a {name}. Leave such rows out, or name them.")
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(one for one in ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise DataError(f"{name}_ids holds {twice!r} twice; a vocabulary lists each id once.")


def _require_codes(name: str, codes: IntArray, size: int) -> None:
    if codes.dtype != np.int64 or codes.ndim != 1:
        raise DataError(f"{name} has dtype {codes.dtype} and shape {codes.shape}; give int64 codes of shape (n,).")
    if len(codes) and not (codes.min() >= 0 and codes.max() < size):
        outside = codes[(codes < 0) | (codes >= size)][0]
        raise DataError(f"{name} code {outside} is outside the vocabulary of {size} {name} ids; codes run from 0.")
