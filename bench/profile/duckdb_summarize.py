"""The peer: `SUMMARIZE` of DuckDB over the same Parquet file."""

from collections.abc import Sequence

import duckdb

from bench.comparison import Figures
from bench.measure import span
from bench.profile.tables import table


def measure(quick: bool, threads: int, tables: Sequence[str]) -> Figures:
    """Seconds of one SUMMARIZE of each table."""
    figures: Figures = {}
    for name in tables:
        path = table(name, quick)
        with duckdb.connect(config={"threads": threads}) as connection, span() as taken:
            connection.execute("summarize from read_parquet(?)", [str(path)]).fetchall()
        figures[f"{name} wall"] = (taken.wall_s, "s")
        figures[f"{name} CPU"] = (taken.cpu_s, "s")
    return figures
