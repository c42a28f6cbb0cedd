"""The charts of a profile."""

from prismlane.common.wire import Chart
from prismlane.engine.analyses.descriptive.profile_output import ColumnProfile, Profile
from prismlane.engine.analyses.roles import shown

NULLS, CORRELATIONS = "nulls", "correlations"
#: Columns that get a chart of their own, and bars of one.
MAX_COLUMN_CHARTS, MAX_BARS = 40, 30


def charts_of(profile: Profile) -> list[Chart]:
    """Nulls, correlations, then one chart for each of the first columns: a histogram or the most frequent values."""
    charts = [*_nulls(profile), *_correlations(profile)]
    for number, column in enumerate(profile.columns):
        if histogram_name(profile, number):
            charts.append(_histogram(column, number))
        elif _has_top(column) and number in _charted(profile):
            charts.append(_top(column, number))
    return charts


def histogram_name(profile: Profile, number: int) -> str | None:
    """The name of the histogram of column `number`; None where it gets none."""
    histogram = profile.columns[number].histogram
    if histogram is None or len(histogram.counts) < 2 or number not in _charted(profile):
        return None
    return f"histogram_{number}"


def _charted(profile: Profile) -> list[int]:
    drawn = [
        number
        for number, column in enumerate(profile.columns)
        if (column.histogram is not None and len(column.histogram.counts) > 1) or _has_top(column)
    ]
    return drawn[:MAX_COLUMN_CHARTS]


def _has_top(column: ColumnProfile) -> bool:
    return column.kind in {"text", "boolean"} and len(column.top) > 1


def _nulls(profile: Profile) -> list[Chart]:
    from prismlane.engine.reports.charts import bar  # noqa: PLC0415 - not loaded where no chart is drawn

    columns = sorted(
        (column for column in profile.columns if column.n_null), key=lambda column: -column.n_null
    )
    if not columns:
        return []
    names = _labels([column.name for column in columns])
    rows = [
        {"column": name, "null_share": column.null_share} for name, column in zip(names, columns, strict=True)
    ][:MAX_BARS]
    alt = f"{len(columns)} of {profile.n_columns} columns have nulls; most in {shown(columns[0].name)}, {columns[0].null_share:.1%}."
    return [
        bar(
            NULLS,
            "Share of nulls",
            alt,
            rows,
            category="column",
            value="null_share",
            value_title="share of rows",
        )
    ]


def _correlations(profile: Profile) -> list[Chart]:
    from prismlane.engine.reports.charts import heat_map  # noqa: PLC0415 - not loaded where no chart is drawn

    if not profile.correlations:
        return []
    known = {(pair.a, pair.b): pair.r for pair in profile.correlations}
    known |= {(b, a): r for (a, b), r in known.items()}
    names = profile.correlated_columns
    labels = dict(zip(names, _labels(names), strict=True))
    rows = [
        {"a": labels[a], "b": labels[b], "r": 1.0 if a == b else known[a, b]}
        for a in names
        for b in names
        if a == b or (a, b) in known
    ]
    strongest = max(profile.correlations, key=lambda pair: abs(pair.r))
    alt = f"Correlations of {len(names)} columns; strongest: {shown(strongest.a)} and {shown(strongest.b)}, {strongest.r:.2f}."
    return [
        heat_map(
            CORRELATIONS,
            "Correlations",
            alt,
            rows,
            x="a",
            y="b",
            value="r",
            value_title="Pearson's r",
            domain=(-1, 1),
        )
    ]


def _histogram(column: ColumnProfile, number: int) -> Chart:
    from prismlane.engine.reports.charts import histogram  # noqa: PLC0415 - not loaded where no chart is drawn

    bins = column.histogram
    if bins is None:
        raise ValueError(f"column {number} has no histogram")
    fullest = max(range(len(bins.counts)), key=bins.counts.__getitem__)
    alt = (
        f"Histogram of {shown(column.name)} from {column.minimum} to {column.maximum}; "
        f"the fullest of {len(bins.counts)} bins has {bins.counts[fullest]:,} of {column.n:,} rows."
    )
    return histogram(
        f"histogram_{number}",
        _short(column.name),
        alt,
        bins.edges,
        bins.counts,
        x_title=_short(column.name),
        temporal=column.kind == "time",
    )


def _top(column: ColumnProfile, number: int) -> Chart:
    from prismlane.engine.reports.charts import bar  # noqa: PLC0415 - not loaded where no chart is drawn

    values = _labels([str(top.value) for top in column.top])
    rows = [{"value": value, "rows": top.n} for value, top in zip(values, column.top, strict=True)]
    first = column.top[0]
    alt = f"Most frequent values of {shown(column.name)}; first {shown(str(first.value))} with {first.n:,} of {column.n:,} rows."
    return bar(
        f"top_{number}", _short(column.name), alt, rows, category="value", value="rows", value_title="rows"
    )


def _labels(names: list[str]) -> list[str]:
    """`names`, cut where they are long, with a number where two would look alike: a chart would add their bars up."""
    labels = [_short(name) for name in names]
    earlier = [labels[:number].count(label) for number, label in enumerate(labels)]
    return [f"{label} ({n + 1})" if n else label for label, n in zip(labels, earlier, strict=True)]


def _short(name: str) -> str:
    return shown(name)[1:-1]
