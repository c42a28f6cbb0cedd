"""What is known of a dataset: fixed when it is registered, and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Role = Literal["numeric", "temporal", "categorical", "boolean", "other"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its DuckDB type, e.g. `BIGINT`."""

    name: str
    type: str
    role: Role


@dataclass(frozen=True, slots=True)
class Partition:
    """A run of row groups of the dataset's table: `first_row_group` up to, not including, `end_row_group`."""

    number: int
    first_row_group: int
    end_row_group: int
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One immutable version of some data.

    `source_hash` names the blob as it came; `table_hash` names the Parquet file that analyses read (the same blob where
    the source was such a file already). `fingerprint` is what caches and results know the data by.
    """

    id: str
    name: str
    format: str
    fingerprint: str
    source_hash: str
    table_hash: str
    n_rows: int
    n_bytes: int
    created_at: float
    columns: Sequence[Column]
    partitions: Sequence[Partition]
    options: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Dataset":
        """The dataset that `to_dict` described; unknown fields of a newer release are ignored."""
        values = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        values["columns"] = tuple(Column(**column) for column in data["columns"])
        values["partitions"] = tuple(Partition(**partition) for partition in data["partitions"])
        return cls(**values)
