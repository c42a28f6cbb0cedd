"""What a job found, and the report of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from prismlane.common import wire
from prismlane.common.errors import NotFoundError

NamedT = TypeVar("NamedT", wire.Table, wire.Chart)


class Table(wire.Table):
    """A small table of a result."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """One mapping a row, column names to values; what `pandas.DataFrame` and `polars.DataFrame` take."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Result(wire.Result):
    """What a job found. Equal inputs give equal results, whenever and wherever they were computed."""

    def table(self, name: str) -> Table:
        """The table called `name`.

        Raises:
            NotFoundError: there is none; says which there are.
        """
        return Table.model_validate(_named(self.tables, name, "table").model_dump())

    def chart(self, name: str) -> wire.Chart:
        """The chart called `name`: a Vega-Lite specification with its data.

        Raises:
            NotFoundError: there is none; says which there are.
        """
        return _named(self.charts, name, "chart")


def _named(found: Sequence[NamedT], name: str, kind: str) -> NamedT:
    by_name: Mapping[str, NamedT] = {each.name: each for each in found}
    if name not in by_name:
        raise NotFoundError(
            f'the result has no {kind} "{name}"',
            hint=f"It has: {', '.join(by_name) or 'none'}",
            facts={"name": name, "available": list(by_name)},
        )
    return by_name[name]


@dataclass(frozen=True, slots=True)
class Report:
    """A report: one HTML page that needs nothing else."""

    html: str

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page to `path`, over what was there; returns the path."""
        target = Path(path)
        target.write_text(self.html, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return f"Report({len(self.html)} characters of HTML)"
