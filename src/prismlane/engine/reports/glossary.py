"""Statistical terms in plain words, for the glossary at the end of a report."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

#: Term as it is shown -> (the forms it takes in a text, what it means).
_TERMS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "Mean": (("mean", "average"), "The sum of the values divided by how many there are."),
    "Median": (
        ("median", "p50"),
        "The middle value: half of the values are below it. A few extreme values do not move it.",
    ),
    "Quantile": (
        ("quantile", "quantiles", "percentile", "percentiles", "p05", "p25", "p75", "p95", "p99"),
        "The value below which a given share of the values lies; p95 is the value that 95% stay below.",
    ),
    "Standard deviation": (
        ("standard deviation", "sd", "std"),
        "How far values typically lie from their mean, in the unit of the values.",
    ),
    "Skewness": (
        ("skewness", "skewed", "skew"),
        "How lopsided values are. 0 is symmetric; above 0 there is a long tail of large values, below 0 of small ones.",
    ),
    "Kurtosis": (
        ("kurtosis",),
        "How heavy the tails are: a high value means that extreme values are more common than in a bell curve.",
    ),
    "Correlation": (
        ("correlation", "correlations", "correlated", "pearson"),
        "How closely two columns move together along a straight line: 1 always together, −1 always opposite, "
        "0 no such relation. It does not say that one causes the other.",
    ),
    "Null": (("null", "nulls", "missing"), "A value that is not there."),
    "Distinct values": (("distinct", "cardinality"), "How many different values a column has."),
    "Constant": (("constant",), "A column with one single value: it can explain nothing."),
    "Key": (
        ("key-like", "key", "unique"),
        "A column whose values are all different, so that each names one row.",
    ),
    "Outlier": (("outlier", "outliers"), "A value far away from most others."),
    "Histogram": (
        ("histogram", "histograms", "distribution", "distributions"),
        "Values sorted into ranges, with how many rows fall into each.",
    ),
    "Confidence interval": (
        ("confidence interval", "interval", "intervals"),
        "A range that would hold the true value in the stated share of repeated samples.",
    ),
    "p-value": (
        ("p-value", "p value", "p-values"),
        "How often chance alone would show a difference at least this large if there were none. "
        "It does not measure how large or important a difference is.",
    ),
    "Sketch": (
        ("sketch", "sketches", "hyperloglog", "t-digest"),
        "A small summary from which a figure is estimated with a known error, instead of counted exactly.",
    ),
    "Sample": (("sampled", "sample"), "A random part of the rows, used in place of all of them."),
    "Seed": (("seed",), "The number that fixes all random choices, so that a run can be repeated exactly."),
    "Forecast interval": (
        ("forecast", "prediction interval"),
        "A range in which a future value is expected to fall with the stated probability.",
    ),
    "Baseline": (
        ("baseline", "seasonal naive"),
        "A simple method that a better one has to beat to be worth its trouble.",
    ),
}


def glossary_of(texts: Iterable[str]) -> list[tuple[str, str]]:
    """(term, meaning) for each known term that occurs in `texts`, in alphabetical order."""
    words = " ".join(re.findall(r"[\w-]+", " ".join(texts).lower()))
    spaced = f" {words} "
    used = [
        (term, meaning)
        for term, (forms, meaning) in _TERMS.items()
        if any(f" {form} " in spaced for form in forms)
    ]
    return sorted(used, key=lambda entry: entry[0].lower())
