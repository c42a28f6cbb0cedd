"""The profile of a table, beside DuckDB's SUMMARIZE.

SUMMARIZE gives count, nulls, approximate distinct, minimum, maximum, mean, deviation and quartiles. The product's profile
adds skewness, kurtosis, top values, histograms and correlations, so the two do not do the same work: the ratio says what
the rest costs.
"""

from bench.comparison import Comparison, Subject

_TABLES = ("flights", "orders")
_PEERS = {"duckdb, 2 threads": 2, "duckdb, 1 thread": 1}

COMPARISON = Comparison(
    name="profile",
    baseline="duckdb, 2 threads",
    subjects={
        **{
            title: Subject("bench.profile.duckdb_summarize", {"threads": threads, "tables": _TABLES})
            for title, threads in _PEERS.items()
        },
        "prismlane": Subject("bench.profile.prismlane_profile", {"tables": _TABLES}, is_product=True),
    },
)
