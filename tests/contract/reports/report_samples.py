"""A result as `profile` gives it for the flights of 2013, written by hand, and what a report says of its job."""

import itertools
import math
from datetime import UTC, datetime

from prismlane.common.wire import Chart, DatasetRef, Evidence, Finding, Result, Table
from prismlane.engine.reports import charts
from prismlane.engine.reports.about import ReportAbout

N_ROWS = 336_776
#: name, type, nulls, distinct, min, median, mean, max, sd
COLUMNS = [
    ("year", "BIGINT", 0, 1, 2013, 2013, 2013.0, 2013, 0.0),
    ("month", "BIGINT", 0, 12, 1, 7, 6.5485, 12, 3.4145),
    ("day", "BIGINT", 0, 31, 1, 16, 15.7108, 31, 8.7686),
    ("dep_time", "BIGINT", 8255, 1318, 1, 1401, 1349.11, 2400, 488.28),
    ("sched_dep_time", "BIGINT", 0, 1021, 106, 1359, 1344.25, 2359, 467.34),
    ("dep_delay", "BIGINT", 8255, 527, -43, -2, 12.639, 1301, 40.21),
    ("arr_time", "BIGINT", 8713, 1411, 1, 1535, 1502.05, 2400, 533.26),
    ("sched_arr_time", "BIGINT", 0, 1163, 1, 1556, 1536.38, 2359, 497.46),
    ("arr_delay", "BIGINT", 9430, 577, -86, -5, 6.8954, 1272, 44.633),
    ("carrier", "VARCHAR", 0, 16, None, None, None, None, None),
    ("flight", "BIGINT", 0, 3844, 1, 1496, 1971.92, 8500, 1632.47),
    ("tailnum", "VARCHAR", 2512, 4043, None, None, None, None, None),
    ("origin", "VARCHAR", 0, 3, None, None, None, None, None),
    ("dest", "VARCHAR", 0, 105, None, None, None, None, None),
    ("air_time", "BIGINT", 9430, 509, 20, 129, 150.686, 695, 93.688),
    ("distance", "BIGINT", 0, 214, 17, 872, 1039.91, 4983, 733.23),
    ("hour", "BIGINT", 0, 20, 1, 13, 13.1802, 23, 4.6613),
    ("minute", "BIGINT", 0, 60, 0, 29, 26.2301, 59, 19.3008),
    ("time_hour", "TIMESTAMP", 0, 6936, None, None, None, None, None),
]
NUMERIC = [column for column in COLUMNS if column[4] is not None and column[0] != "year"]
TOP = {
    "carrier": {"UA": 58665, "B6": 54635, "EV": 54173, "DL": 48110, "AA": 32729, "MQ": 26397, "US": 20536},
    "origin": {"EWR": 120835, "JFK": 111279, "LGA": 104662},
    "dest": {
        "ORD": 17283,
        "ATL": 17215,
        "LAX": 16174,
        "BOS": 15508,
        "MCO": 14082,
        "CLT": 14064,
        "SFO": 13331,
    },
    "tailnum": {"N725MQ": 575, "N722MQ": 513, "N723MQ": 507, "N711MQ": 486, "N713MQ": 483},
}


def flights_result():
    return Result(
        analysis="profile",
        analysis_version="1.0",
        title="Profile of flights",
        findings=flights_findings(),
        summary={
            "n_rows": N_ROWS,
            "n_columns": 19,
            "missing_share": 46_595 / (N_ROWS * 19),
            "duplicate_rows": 0,
            "n_bytes": 31_053_000,
        },
        tables=[_columns_table(), _quantiles_table()],
        charts=flights_charts(),
        warnings=["time_hour has no time zone; it was taken as UTC."],
        assumptions=[
            "Empty fields and NA were read as null.",
            "Columns are compared over the rows where both have a value.",
        ],
        method="Moments in one pass (Chan, Golub & LeVeque 1979; Pébay 2008), quantiles exactly, histograms with "
        "30 equal ranges.\n\nCorrelations are Pearson's, over pairs of values that are both there.",
        params={"top_k": 10},
        seed=0,
        dataset=DatasetRef(fingerprint="9f" * 32, n_rows=N_ROWS, n_columns=19),
        versions={"duckdb": "2.0.0", "numpy": "2.4.6", "prismlane": "0.1.0"},
    )


def about(**changed):
    facts = {
        "job_id": "job_0_01kapz5t1k7c3v9w8x6y5z4a3b",
        "dataset_name": "flights.csv",
        "n_rows": N_ROWS,
        "n_columns": 19,
        "submitted_at": datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC),
        "finished_at": datetime(2026, 11, 22, 10, 0, 1, 480_000, tzinfo=UTC),
        "result_hash": "3c" * 32,
        "server_url": "http://127.0.0.1:8700",
        "params": {"top_k": 10},
    }
    return ReportAbout(**{**facts, **changed})


def flights_findings():
    return [
        Finding(
            text="“arr_delay” is very skewed: its largest value, 1,272, is 28 standard deviations above the mean.",
            severity="warning",
            score=0.93,
            column="arr_delay",
            action="Use the median (−5) rather than the mean (6.895), or look at the longest delays by themselves.",
            evidence=[
                Evidence(pointer="/columns/8/skewness", value=3.7168),
                Evidence(pointer="/columns/8/max", value=1272, unit="min"),
                Evidence(pointer="/columns/8/median", value=-5, unit="min"),
            ],
            chart="hist_arr_delay",
        ),
        Finding(
            text="“year” has one single value, 2013, in all 336,776 rows.",
            severity="warning",
            score=0.9,
            column="year",
            action="Leave it out of models and comparisons: it can explain nothing.",
            evidence=[Evidence(pointer="/columns/0/n_distinct", value=1)],
        ),
        Finding(
            text="“dep_delay” and “arr_delay” move together almost exactly.",
            severity="notice",
            score=0.8,
            action="Keep one of the two as input when you fit a model.",
            evidence=[
                Evidence(pointer="/correlations/3/r", value=0.9148),
                Evidence(pointer="/correlations/3/n_rows", value=327_346),
            ],
            chart="correlations",
        ),
        Finding(
            text="2.8% of “arr_delay” is missing, and “air_time” is missing in the same rows.",
            severity="notice",
            score=0.7,
            column="arr_delay",
            action="These are cancelled and diverted flights: decide whether they belong into what you measure.",
            evidence=[
                Evidence(pointer="/columns/8/null_share", value=9430 / N_ROWS),
                Evidence(pointer="/columns/8/n_null", value=9430, unit="rows"),
            ],
            chart="nulls",
        ),
        Finding(
            text="“flight” looks like a code rather than a quantity: 3,844 distinct whole numbers.",
            severity="info",
            score=0.4,
            column="flight",
            action='Read it as text: -P types=\'{"flight": "VARCHAR"}\'.',
            evidence=[Evidence(pointer="/columns/10/n_distinct", value=3844)],
        ),
    ]


def flights_charts():
    made = [
        charts.bar(
            "nulls",
            "Missing values by column",
            "Six columns have missing values; arr_delay and air_time have most, 2.8%.",
            [{"column": c[0], "missing": 100 * c[2] / N_ROWS} for c in COLUMNS if c[2]],
            category="column",
            value="missing",
            value_title="% of rows",
        ),
        _correlations(),
    ]
    made += [_histogram(column) for column in NUMERIC]
    first_ms = datetime(2013, 1, 1, tzinfo=UTC).timestamp() * 1000
    edges = [first_ms + i * 365 * 86_400_000 / 30 for i in range(31)]
    counts = [11_000 + round(900 * math.sin(i / 4)) for i in range(30)]
    made.append(
        charts.histogram(
            "hist_time_hour",
            "Distribution of time_hour",
            "Even over the year.",
            edges,
            counts,
            x_title="time_hour",
            temporal=True,
        )
    )
    made += [
        charts.bar(
            f"top_{name}",
            f"Most frequent values of {name}",
            f"Most frequent: {next(iter(values))}.",
            [{"value": value, "rows": n} for value, n in values.items()],
            category="value",
            value="rows",
        )
        for name, values in TOP.items()
    ]
    return made


def _histogram(column):
    name, _, _, _, low, median, _, high, sd = column
    edges = [low + (high - low) * i / 30 for i in range(31)]
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    counts = [round(N_ROWS / 8 * math.exp(-abs(middle - median) / (sd or 1))) for middle in middles]
    return charts.histogram(
        f"hist_{name}",
        f"Distribution of {name}",
        f"Most values of {name} lie near {median}.",
        edges,
        counts,
        x_title=name,
    )


def _correlations():
    names = [column[0] for column in NUMERIC]
    rows = [
        {"x": a, "y": b, "r": 1.0 if a == b else math.sin(7 * (i + 1) * (j + 1)) * 0.93}
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    ]
    return charts.heat_map(
        "correlations",
        "Correlations",
        "dep_delay and arr_delay are the closest pair.",
        rows,
        x="x",
        y="y",
        value="r",
        value_title="Pearson's r",
        domain=(-1.0, 1.0),
    )


def _columns_table():
    return Table(
        name="columns",
        title="Columns",
        columns=["column", "type", "null_share", "n_distinct", "min", "median", "mean", "max", "sd"],
        rows=[[c[0], c[1], c[2] / N_ROWS, *c[3:]] for c in COLUMNS],
    )


def _quantiles_table():
    return Table(
        name="quantiles",
        title="Quantiles",
        columns=["column", "p01", "p05", "p25", "p50", "p75", "p95", "p99"],
        rows=[[c[0], *(c[5] + c[8] * z for z in (-2.3, -1.6, -0.7, 0, 0.7, 1.6, 2.3))] for c in NUMERIC],
    )


def one_bar(name="one", label="a", title="T", alt="A"):
    return charts.bar(name, title, alt, [{"label": label, "n": 1}], category="label", value="n")


def broken_chart(name="broken"):
    return Chart(
        name=name, title="Broken", alt="A", spec={"data": {"values": [{"a": 1}]}, "mark": "nonsense"}
    )
