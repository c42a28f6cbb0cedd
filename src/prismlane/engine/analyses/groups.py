"""Splits a table into groups by the values of some columns."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def split(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], pa.Table]]:
    """Each group as (key, rows), in the order of the keys (null last); rows keep their order. No names: one group."""
    if not names:
        yield (), table
        return
    keyed = pa.table([*(table[name] for name in names), pa.array(np.arange(table.num_rows))], _labels(names))
    labels = _labels(names)
    grouped = keyed.group_by(labels[:-1], use_threads=False).aggregate([(labels[-1], "list")])
    ordered = grouped.sort_by([(label, "ascending") for label in labels[:-1]])
    keys = zip(*(ordered[label].to_pylist() for label in labels[:-1]), strict=True)
    for key, rows in zip(keys, ordered[f"{labels[-1]}_list"], strict=True):
        yield key, table.take(rows.values)


def _labels(names: Sequence[str]) -> list[str]:
    return [f"key{number}" for number in range(len(names))] + ["row"]
