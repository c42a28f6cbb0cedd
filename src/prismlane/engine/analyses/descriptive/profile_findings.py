"""What a profile says in plain sentences. Every number in one stands in the output, and is its evidence."""

from collections.abc import Iterator

from prismlane.common.wire import Evidence, Finding
from prismlane.engine.analyses.descriptive.profile_charts import CORRELATIONS, NULLS, histogram_name
from prismlane.engine.analyses.descriptive.profile_output import ColumnWarning, Profile, WarningCode
from prismlane.engine.analyses.roles import shown

#: How much each kind of warning matters (0 to 1), how grave it is, and what to do.
_ADVICE: dict[WarningCode, tuple[float, str]] = {
    "all_null": (0.85, "Drop the column, or find out why it was never filled."),
    "non_finite": (0.8, "Replace NaN and infinite values by nulls where they mean that nothing is known."),
    "high_null": (0.7, "Find out whether rows lack the value at random before you use the column."),
    "leading_zeros": (0.65, "Keep the column as text."),
    "numbers_as_text": (0.6, "Register the dataset with a number type for this column."),
    "duplicate_case": (0.55, "Unify case and blanks before you group by the column."),
    "constant": (0.5, "Leave the column out: it tells nothing apart."),
    "correlated": (0.45, "Use one of the two where a method needs independent columns."),
    "unique": (0.4, "Use it as a key, not as a feature."),
    "skewed": (0.35, "Prefer the median to the mean, or use a log scale."),
    "padded": (0.3, "Trim the texts before you group by the column."),
    "not_profiled": (0.1, "Unnest the column to profile what is inside."),
}
_GRAVE: frozenset[WarningCode] = frozenset({"all_null", "non_finite", "high_null", "leading_zeros"})


def findings_of(profile: Profile) -> list[Finding]:
    """All findings, most important first; within one kind the most affected column first."""
    found = [_overview(profile), *_of_warnings(profile), *_strongest_pair(profile)]
    return sorted(found, key=lambda finding: -finding.score)


def _overview(profile: Profile) -> Finding:
    nulls = f"{profile.n_null:,} of {profile.n_cells:,} cells are null ({profile.null_share:.1%})"
    told = nulls if profile.n_null else "no cell is null"
    return Finding(
        text=f"The data has {_counted(profile.n_rows, 'row')} and {_counted(profile.n_columns, 'column')}; {told}.",
        score=0.9,
        evidence=[
            Evidence(pointer="/n_rows", value=profile.n_rows, unit="rows"),
            Evidence(pointer="/n_columns", value=profile.n_columns, unit="columns"),
            Evidence(pointer="/n_null", value=profile.n_null, unit="cells"),
            Evidence(pointer="/n_cells", value=profile.n_cells, unit="cells"),
            Evidence(pointer="/null_share", value=profile.null_share),
        ],
        chart=NULLS if any(column.n_null for column in profile.columns) else None,
    )


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _of_warnings(profile: Profile) -> Iterator[Finding]:
    """One finding a warning; the first of a kind scores full, so that seven findings speak of several kinds."""
    numbers = {column.name: number for number, column in enumerate(profile.columns)}
    n_of_kind: dict[WarningCode, int] = {}
    for warning in sorted(profile.warnings, key=lambda warning: -abs(warning.value)):
        earlier = n_of_kind.get(warning.code, 0)
        n_of_kind[warning.code] = earlier + 1
        score, action = _ADVICE[warning.code]
        yield Finding(
            text=warning.text,
            severity="warning" if warning.code in _GRAVE else "notice",
            score=round(score / (1 + 0.5 * earlier), 4),
            column=warning.column,
            action=action,
            evidence=_evidence(profile, warning, numbers[warning.column]),
            chart=_chart(profile, warning, numbers[warning.column]),
        )


def _evidence(profile: Profile, warning: ColumnWarning, number: int) -> list[Evidence]:
    """The number that the warning rests on, then the others that its sentence tells."""
    column, main = profile.columns[number], Evidence(pointer=warning.pointer, value=warning.value)
    told: dict[str, float] = {}
    if warning.code == "high_null":
        told = {f"/columns/{number}/null_share": column.null_share}
    elif warning.code == "non_finite":
        told = {f"/columns/{number}/n_infinite": column.n_infinite, f"/columns/{number}/n_nan": column.n_nan}
    elif warning.code in {"numbers_as_text", "unique"}:
        told = {f"/columns/{number}/n": column.n}
    elif warning.code == "correlated":
        pointer = warning.pointer.removesuffix("/r")
        told = {f"{pointer}/n": profile.correlations[int(pointer.rpartition("/")[2])].n}
    others = [Evidence(pointer=pointer, value=value) for pointer, value in told.items()]
    return [main, *(other for other in others if other.pointer != main.pointer)]


def _chart(profile: Profile, warning: ColumnWarning, number: int) -> str | None:
    if warning.code in {"high_null", "all_null"}:
        return NULLS
    if warning.code == "correlated":
        return CORRELATIONS
    return histogram_name(profile, number) if warning.code == "skewed" else None


def _strongest_pair(profile: Profile) -> Iterator[Finding]:
    """The strongest correlation that is not already warned of."""
    warned = {warning.pointer for warning in profile.warnings if warning.code == "correlated"}
    open_pairs = [
        (abs(pair.r), number)
        for number, pair in enumerate(profile.correlations)
        if f"/correlations/{number}/r" not in warned and abs(pair.r) >= 0.5
    ]
    if not open_pairs:
        return
    number = max(open_pairs, key=lambda pair: (pair[0], -pair[1]))[1]
    pair = profile.correlations[number]
    way = "rises" if pair.r > 0 else "falls"
    yield Finding(
        text=f"{shown(pair.a)} {way} with {shown(pair.b)} (r = {pair.r:.3f} over {pair.n:,} rows).",
        score=0.42,
        column=pair.a,
        action="Look at the two together before you use either; it is association, not cause.",
        evidence=[
            Evidence(pointer=f"/correlations/{number}/r", value=pair.r),
            Evidence(pointer=f"/correlations/{number}/n", value=pair.n, unit="rows"),
        ],
        chart=CORRELATIONS,
    )
