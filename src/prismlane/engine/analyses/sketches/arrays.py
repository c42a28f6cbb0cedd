"""Arrays inside states, and the counting of equal values in them."""

import base64
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

#: Kinds of numbers that an array in a state may have.
_DTYPES = {"f8": "<f8", "i8": "<i8", "u8": "<u8", "u1": "<u1"}

Numbers: TypeAlias = NDArray[Any]


def _encode(array: Numbers) -> list[str] | str:
    if array.dtype == object:
        return [str(value) for value in array]
    code = array.dtype.str[1:]
    data = np.ascontiguousarray(array, dtype=_DTYPES[code]).tobytes()
    return f"{code}:{base64.b64encode(data).decode()}"


def _decode(value: Any) -> Numbers:
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list):
        return texts(value)
    code, _, data = str(value).partition(":")
    return np.frombuffer(base64.b64decode(data, validate=True), dtype=_DTYPES[code])


#: A one-dimensional array in a state: numbers as their little-endian bytes in base64 (exact, and no digits to parse), texts as
#: a list.
Array = Annotated[
    NDArray[Any],
    PlainValidator(_decode),
    PlainSerializer(_encode, return_type=list[str] | str),
    WithJsonSchema({"type": ["string", "array"]}),
]


def texts(values: list[str]) -> Numbers:
    """`values` as an array of objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def runs(ordered: Numbers) -> tuple[Numbers, NDArray[np.int64]]:
    """The distinct values of a sorted array and how often each stands in it."""
    differs = ordered[1:] != ordered[:-1]
    if differs.all():
        return ordered, np.ones(len(ordered), dtype=np.int64)
    bounds = np.concatenate(([0], np.flatnonzero(differs) + 1, [len(ordered)]))
    return ordered[bounds[:-1]], np.diff(bounds).astype(np.int64, copy=False)


def add_equal(values: Numbers, counts: NDArray[np.int64]) -> tuple[Numbers, NDArray[np.int64]]:
    """Values in rising order, each once, with the counts of equal ones added."""
    if len(values) == 0:
        return values, counts
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
    return ordered[starts], np.add.reduceat(counts[order], starts)
