"""The profile against numpy, scipy and hand counts."""

import json
from decimal import Decimal
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from prismlane.common.wire import DatasetRef, Result
from prismlane.engine.analyses.contract import Context
from prismlane.engine.analyses.descriptive.profile_second_pass import QUANTILES
from prismlane.engine.analyses.runner import run_whole
from prismlane.testing.laws import differences

N = 30_000


def profile(table, n_parts=1, **params):
    bounds = [round(i * table.num_rows / n_parts) for i in range(n_parts + 1)]
    parts = [lambda low=low, high=high: table.slice(low, high - low) for low, high in pairwise(bounds)]
    ref = DatasetRef(fingerprint="f", n_rows=table.num_rows, n_columns=table.num_columns)
    return json.loads(run_whole("profile", params, parts, Context(), ref))


def column(table, name, **params):
    output = profile(table, **params)["output"]
    return next(found for found in output["columns"] if found["name"] == name)


def codes(output, name):
    return {warning["code"] for warning in output["warnings"] if warning["column"] == name}


@pytest.fixture(scope="module")
def numbers():
    """Continuous columns with more distinct values than are kept, with nulls and NaN."""
    rng = np.random.default_rng(11)
    x = rng.normal(1e9, 1.0, N)
    y = rng.exponential(3.0, N)
    z = 2 * y + rng.normal(0, 1, N)
    return pa.table(
        {
            "x": pa.array([None if i % 50 == 0 else v for i, v in enumerate(x)], pa.float64()),
            "y": pa.array(np.where(np.arange(N) % 40 == 0, np.nan, y), from_pandas=False),
            "z": pa.array(z),
            "zero": pa.array(np.where(np.arange(N) % 4 == 0, 0.0, z)),
            "id": pa.array(rng.permutation(N)),
            "word": pa.array([f"word {v}" for v in rng.integers(0, 12_000, N)]),
            "mostly": pa.array(["usual" if i % 2 else f"rare {i}" for i in range(N)]),
            "key": pa.array([f"key {i}" for i in range(N)]),
            "time": pa.array(rng.integers(0, 10**15, N)).cast(pa.timestamp("us")),
        }
    )


@pytest.fixture(scope="module")
def numbers_profile(numbers):
    return profile(numbers, max_correlated=30)


def clean(table, name):
    values = table.column(name).drop_null().to_numpy()
    return values[np.isfinite(values)]


@pytest.mark.parametrize("name", ["x", "y", "z", "zero"])
def test_statistics_equal_numpy_and_scipy(numbers, numbers_profile, name):
    found = next(each for each in numbers_profile["output"]["columns"] if each["name"] == name)
    values = clean(numbers, name)
    # scipy's own sums lose figures around 1e9; shifting by an exact amount does not change the shape.
    shifted = values - np.round(values.mean())
    assert found["n"] == len(values)
    assert found["minimum"] == values.min()
    assert found["maximum"] == values.max()
    assert found["mean"] == pytest.approx(np.round(values.mean()) + shifted.mean(), rel=1e-15)
    assert found["sd"] == pytest.approx(shifted.std(ddof=1), rel=1e-9)
    assert found["skewness"] == pytest.approx(stats.skew(shifted, bias=False), rel=1e-9)
    assert found["kurtosis"] == pytest.approx(stats.kurtosis(shifted, bias=False), rel=1e-9)
    assert [q["value"] for q in found["quantiles"]] == pytest.approx(
        np.quantile(values, QUANTILES).tolist(), rel=1e-15
    )
    assert {q["rank_error"] for q in found["quantiles"]} == {0}
    assert found["n_zero"] == int((values == 0).sum())
    assert found["n_negative"] == int((values < 0).sum())
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    assert counts == np.histogram(values, edges)[0].tolist()
    assert sum(counts) == len(values)
    assert len(counts) <= 30


def test_correlations_are_pairwise_complete(numbers, numbers_profile):
    x, y, z = (numbers.column(name).to_numpy() for name in "xyz")
    found = {(pair["a"], pair["b"]): pair for pair in numbers_profile["output"]["correlations"]}
    for a, b, left, right in (("x", "y", x, y), ("y", "z", y, z), ("x", "z", x, z)):
        both = np.isfinite(left) & np.isfinite(right)
        r = stats.pearsonr(left[both] - np.round(np.nanmean(left)), right[both]).statistic
        assert found[a, b]["n"] == both.sum()
        assert found[a, b]["r"] == pytest.approx(r, abs=1e-12)


@pytest.mark.parametrize("n_parts", [2, 7])
def test_the_profile_is_equal_for_any_number_of_partitions(numbers, numbers_profile, n_parts):
    again = profile(numbers, n_parts)
    assert list(differences(numbers_profile["output"], again["output"])) == []


def test_distinct_counts_above_the_threshold_are_sketches_and_say_so(numbers, numbers_profile):
    found = {each["name"]: each for each in numbers_profile["output"]["columns"]}
    true = len(set(numbers.column("word").to_pylist()))
    assert not found["word"]["distinct_exact"]
    assert found["word"]["distinct"] == pytest.approx(true, rel=0.09)
    assert numbers_profile["exactness"] == {
        "kind": "sketch",
        "error": "distinct counts above 10,000: 2.7 % rms",
        "n": None,
    }


def test_frequent_values_among_many_are_counted_exactly(numbers_profile):
    found = {each["name"]: each for each in numbers_profile["output"]["columns"]}
    assert found["mostly"]["top"] == [{"value": "usual", "n": 15_000, "share": 0.5}]
    assert found["zero"]["top"] == [{"value": 0.0, "n": 7_500, "share": 0.25}]
    assert found["key"]["top"] == []


def test_keys_are_warned_of_and_measurements_are_not(numbers_profile):
    output = numbers_profile["output"]
    assert "unique" in codes(output, "key")
    assert "unique" in codes(output, "id")
    assert "unique" not in codes(output, "z")
    assert "unique" not in codes(output, "word")


def test_times_have_ranges_and_quantiles_as_iso(numbers, numbers_profile):
    found = next(each for each in numbers_profile["output"]["columns"] if each["name"] == "time")
    micros = numbers.column("time").cast(pa.int64()).to_numpy()
    assert found["minimum"] == str(np.datetime64(int(micros.min()), "us"))
    assert found["maximum"] == str(np.datetime64(int(micros.max()), "us"))
    assert found["quantiles"][3]["value"] == pytest.approx(np.median(micros) / 1000, rel=1e-15)
    assert found["quantile_times"][3][:19] == str(np.datetime64(int(np.median(micros)), "us"))[:19]


def test_nan_and_infinite_values_are_counted_apart():
    values = [1.0, 2.0, 3.0, 4.0, float("nan"), float("inf"), float("-inf"), None]
    found = column(pa.table({"a": pa.array(values, from_pandas=False)}), "a")
    assert (found["n"], found["n_null"], found["n_nan"], found["n_infinite"]) == (4, 1, 1, 2)
    assert (found["mean"], found["minimum"], found["maximum"], found["distinct"]) == (2.5, 1.0, 4.0, 4)


def test_texts_are_warned_of_by_what_they_look_like():
    n = 40
    table = pa.table(
        {
            "zip": [f"0{i:04d}" for i in range(n)],
            "amount": [f"{i}.5" for i in range(n)],
            "city": ["Bonn", "bonn", "Köln ", "Köln"] * (n // 4),
            "same": ["x"] * n,
            "empty": pa.nulls(n, pa.string()),
            "rare": [None] * (n // 2) + ["a", "b"] * (n // 4),
        }
    )
    output = profile(table)["output"]
    assert codes(output, "zip") == {"leading_zeros", "unique"}
    assert "numbers_as_text" in codes(output, "amount")
    assert codes(output, "city") == {"duplicate_case", "padded"}
    assert codes(output, "same") == {"constant"}
    assert codes(output, "empty") == {"all_null"}
    assert codes(output, "rare") == {"high_null"}
    city = output["columns"][2]
    assert city["text"]["n_duplicate_case"] == 2
    assert (city["text"]["min_length"], city["text"]["max_length"], city["text"]["mean_length"]) == (
        4,
        5,
        4.25,
    )
    assert [top["value"] for top in city["top"]] == ["Bonn", "Köln", "Köln ", "bonn"]


EVERY_TYPE = """
    SELECT i::TINYINT a, i::UBIGINT + 18446744073709551000 b, i::HUGEINT * 10000000000000000000000000 c, (i / 7)::DECIMAL(18, 3) d,
    (i / 3)::FLOAT e, i % 2 = 0 f, 'x' || i g, DATE '2024-01-01' + i::INT h, TIMESTAMP '2024-01-01' + to_hours(i) i,
    TIMESTAMPTZ '2024-01-01' + to_hours(i) j, TIME '10:00' + to_minutes(i) k, to_days(i::INT) l, 'b'::BLOB m, uuid() n,
    (['u', 'v'])[1 + i % 2]::ENUM('u', 'v') o, [i] p, {'q': i} q, MAP {'r': i} r, NULL s, TIMESTAMP_NS '2024-01-01' t,
    TIMESTAMP_S '2024-01-01' u, '101'::BIT v, DATE '0044-03-15 (BC)' w, i::DOUBLE * 1e300 x, 'infinity'::TIMESTAMP y
    FROM range(20) t(i)
"""


@pytest.mark.parametrize("n_parts", [1, 3])
def test_every_type_of_duckdb_is_profiled_without_a_crash(n_parts):
    with duckdb.connect() as connection:
        table = connection.sql(EVERY_TYPE).to_arrow_table()
    output = profile(table, n_parts)["output"]
    found = {each["name"]: each for each in output["columns"]}
    assert {name: each["kind"] for name, each in found.items() if each["kind"] == "other"} == dict.fromkeys(
        ["l", "m", "p", "q", "r", "s", "v"], "other"
    )
    assert found["b"]["maximum"] == 18446744073709551019
    assert (found["f"]["n_true"], found["f"]["n_false"]) == (10, 10)
    assert found["h"]["maximum"] == "2024-01-20"
    assert found["j"]["minimum"] == "2024-01-01T00:00:00+00:00"
    assert found["k"]["maximum"] == "10:19:00"
    assert found["o"]["distinct"] == 2
    assert found["p"]["n"] == 20
    assert "not_profiled" in codes(output, "p")
    assert "all_null" in codes(output, "s")


def test_types_that_duckdb_does_not_know_are_profiled_too():
    table = pa.table(
        {
            "half": pa.array(np.array([1, 2], dtype=np.float16)),
            "wide": pa.array([Decimal("1.50"), None], pa.decimal256(50, 2)),
            "view": pa.array(["a", None], pa.string_view()),
            "coded": pa.array(["a", "a"]).dictionary_encode(),
            "coded number": pa.array([1.5, 2.5]).dictionary_encode(),
            "day": pa.array([0, 86_400_000], pa.date64()),
            "span": pa.array([1, 2], pa.duration("ns")),
        }
    )
    found = {each["name"]: each for each in profile(table, 2)["output"]["columns"]}
    assert found["half"]["mean"] == 1.5
    assert found["wide"]["maximum"] == 1.5
    assert found["coded"]["distinct"] == 1
    assert found["coded number"]["mean"] == 2.0
    assert found["day"]["maximum"] == "1970-01-02"
    assert found["span"]["kind"] == "other"


def test_hostile_column_names_are_only_names():
    names = ['"; DROP TABLE part; --', "", "A", "a", "n" * 5_000, "日本\n\x00", "c0", "/~"]
    table = pa.table([pa.array([f"{i}", "x"]) for i in range(len(names))], names)
    result = profile(table, 2)
    assert [found["name"] for found in result["output"]["columns"]] == names
    assert all(len(finding["text"]) < 400 for finding in result["findings"])
    only = profile(table, columns=['"; DROP TABLE part; --', "a"])
    assert [found["name"] for found in only["output"]["columns"]] == ['"; DROP TABLE part; --', "a"]


def test_long_texts_are_told_apart_without_being_kept():
    long = "x" * 100_000
    found = column(pa.table({"t": [long + "1", long + "2", long + "2"]}), "t")
    assert found["distinct"] == 2
    assert found["text"]["max_length"] == 100_001
    assert [top["n"] for top in found["top"]] == [2, 1]
    assert all(len(top["value"]) < 300 for top in found["top"])


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, 1.0],
        [5e-324, 0.0, 1e-323],
        [2.0**53, 2.0**53 + 2],
        [1e-300, 1e300],
        [0.1] * 9,
        [-0.0, 0.0],
    ],
)
def test_numbers_at_the_ends_of_floats_do_not_crash(values):
    found = column(pa.table({"v": pa.array(values)}), "v")
    assert found["n"] == len(values)
    if found["histogram"]:
        assert sum(found["histogram"]["counts"]) == len(values)


def test_integers_beyond_2_to_the_53_stay_exact():
    values = [2**62 + i for i in range(5)]
    found = column(pa.table({"v": pa.array(values, pa.int64())}), "v")
    assert found["distinct"] == 5
    assert (found["minimum"], found["maximum"]) == (values[0], values[-1])
    assert [top["value"] for top in found["top"]] == values


def test_only_the_first_number_columns_are_correlated_and_the_result_says_so():
    rng = np.random.default_rng(0)
    table = pa.table({f"v{i}": rng.normal(size=50) for i in range(5)})
    result = profile(table, max_correlated=3)
    assert result["output"]["correlated_columns"] == ["v0", "v1", "v2"]
    assert len(result["output"]["correlations"]) == 3
    assert any("2 more are left out" in said for said in result["assumptions"])


def test_one_profile_is_one_sequence_of_bytes(numbers):
    small = numbers.slice(0, 500)
    first, second = (run_whole("profile", {}, [lambda: small], Context(), None) for _ in range(2))
    assert first == second
    Result.model_validate_json(first)


def test_no_partition_at_all_is_an_empty_profile():
    output = json.loads(run_whole("profile", {}, [], Context(), None))["output"]
    assert (output["n_rows"], output["columns"]) == (0, [])


def test_quantiles_that_cannot_be_exact_say_by_how_many_ranks(monkeypatch):
    modules = ("profile_state", "profile_second_pass")
    for module in modules:
        monkeypatch.setattr(f"prismlane.engine.analyses.descriptive.{module}.BRACKET_LIMIT", 8)
        monkeypatch.setattr(f"prismlane.engine.analyses.descriptive.{module}.BRACKET_BLOCKS", 4)
    values = np.random.default_rng(8).normal(size=N)
    result = profile(pa.table({"v": values}), 3)
    found = result["output"]["columns"][0]["quantiles"]
    worst = max(quantile["rank_error"] for quantile in found)
    assert 0 < worst < 0.01 * N
    assert f"ranks wrong by at most {worst:,} of {N:,} rows" in result["exactness"]["error"]
    ordered = np.sort(values)
    for quantile in found:
        rank = np.searchsorted(ordered, quantile["value"])
        assert abs(rank - quantile["p"] * (N - 1)) <= quantile["rank_error"] + 2
