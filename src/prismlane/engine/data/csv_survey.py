"""One pass over all values of a CSV file that tells which types hold them without loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prismlane.engine.data.casts import Cast
from prismlane.engine.data.conversion import Conversion


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first text that does not fit a column's type. `row` counts from 1, without the header."""

    row: int
    value: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What the pass found. Columns are known by their index."""

    n_rows: int
    #: For the first cast of each column, where there is a misfit.
    first_misfits: Mapping[int, Misfit]
    n_misfits: Mapping[tuple[int, str], int]

    def narrowest(self, index: int, casts: Sequence[Cast]) -> Cast:
        """The first of `casts` that loses no value of the column; the last one has to hold everything."""
        return next(cast for cast in casts if self.n_misfits[index, cast.type] == 0)


def survey(conversion: Conversion, source: str, candidates: Mapping[int, Sequence[Cast]]) -> Survey:
    """Try `candidates` (casts by column) on every row of `source`, a table function with text columns c0, c1, ..."""
    aggregates = ["count(*)"]
    for index, casts in candidates.items():
        column = f"c{index}"
        misfits = [f"{column} IS NOT NULL AND NOT coalesce({cast.holds(column)}, false)" for cast in casts]
        aggregates += [f"min(r) FILTER ({misfits[0]})", f"arg_min({column}, r) FILTER ({misfits[0]})"]
        aggregates += [f"count(*) FILTER ({misfit})" for misfit in misfits]
    rows = f"(SELECT row_number() OVER () AS r, * FROM {source})"  # noqa: S608 - made of quoted literals
    query = f"SELECT {', '.join(aggregates)} FROM {rows}"  # noqa: S608 - columns are called c0, c1, ...
    n_rows, *cells = conversion.run(query, phase="finding types", span=(0.3, 0.5))[0]
    return _survey_of(int(n_rows), cells, candidates)


def _survey_of(n_rows: int, cells: Sequence[Any], candidates: Mapping[int, Sequence[Cast]]) -> Survey:
    first_misfits: dict[int, Misfit] = {}
    n_misfits: dict[tuple[int, str], int] = {}
    left = iter(cells)
    for index, casts in candidates.items():
        row, value = next(left), next(left)
        if row is not None:
            first_misfits[index] = Misfit(int(row), str(value))
        n_misfits.update({(index, cast.type): int(next(left)) for cast in casts})
    return Survey(n_rows, first_misfits, n_misfits)
