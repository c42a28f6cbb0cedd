"""Moments against exact arithmetic, numpy and scipy."""

from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prismlane.engine.analyses.sketches.moments import Moments


def exact(values):
    """Mean, sd, G1 and G2 in rational arithmetic, rounded once at the end (and in square roots)."""
    xs = [Fraction(float(x)) for x in values]
    n = len(xs)
    mean = sum(xs) / n
    m2, m3, m4 = (sum((x - mean) ** k for x in xs) for k in (2, 3, 4))
    g1 = float(n) ** 0.5 * float(m3) / float(m2) ** 1.5
    g2 = float(n * m4 / (m2 * m2)) - 3
    skewness = g1 * (n * (n - 1)) ** 0.5 / (n - 2)
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g2 + 6)
    return float(mean), float(m2 / (n - 1)) ** 0.5, skewness, kurtosis


def figures(moments):
    return moments.mean, moments.sd, moments.skewness, moments.kurtosis


def merged(values, n_parts):
    return reduce(Moments.merge, [Moments.of(part) for part in np.array_split(values, n_parts)])


#: In the manner of NIST's NumAcc1 to NumAcc4: a large mean and a small spread.
NUM_ACC = {
    "NumAcc1": np.array([10000001.0, 10000003.0, 10000002.0]),
    "NumAcc2": np.array([1.2, *([1.1, 1.3] * 500)]),
    "NumAcc3": np.array([1000000.2, *([1000000.1, 1000000.3] * 500)]),
    "NumAcc4": np.array([10000000.2, *([10000000.1, 10000000.3] * 500)]),
}
#: Certified by NIST StRD: mean and standard deviation.
CERTIFIED = {
    "NumAcc1": (10000002, 1.0),
    "NumAcc2": (1.2, 0.1),
    "NumAcc3": (1000000.2, 0.1),
    "NumAcc4": (10000000.2, 0.1),
}


@pytest.mark.parametrize("name", NUM_ACC)
@pytest.mark.parametrize("n_parts", [1, 2, 7])
def test_numerical_accuracy_sets_of_nist_give_the_certified_mean_and_deviation(name, n_parts):
    found = merged(NUM_ACC[name], n_parts)
    mean, sd = CERTIFIED[name]
    assert found.mean == pytest.approx(mean, rel=1e-14)
    # 0.1 steps around 1e7 are not binary fractions: the data themselves hold no more figures than this.
    assert found.sd == pytest.approx(sd, rel=1e-7)
    assert found.sd == pytest.approx(float(np.sqrt(float(_exact_variance(NUM_ACC[name])))), rel=1e-12)


def _exact_variance(values):
    xs = [Fraction(float(x)) for x in values]
    mean = sum(xs) / len(xs)
    return sum((x - mean) ** 2 for x in xs) / (len(xs) - 1)


@pytest.mark.parametrize("n_parts", [1, 2, 7])
@pytest.mark.parametrize(("mean", "sd"), [(0, 1), (1e9, 1), (-1e9, 1e-3), (1e15, 10), (1e-9, 1e-12)])
def test_a_large_mean_with_a_small_spread_keeps_nine_figures(mean, sd, n_parts):
    values = mean + sd * np.random.default_rng(1).gamma(2.0, size=2_000)
    assert figures(merged(values, n_parts)) == pytest.approx(exact(values), rel=1e-9)


def test_definitions_are_those_of_scipy_without_bias():
    values = np.random.default_rng(2).exponential(size=500)
    found = Moments.of(values)
    assert found.sd == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert found.skewness == pytest.approx(stats.skew(values, bias=False), rel=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(values, bias=False), rel=1e-12)


def test_weights_count_as_repeated_values():
    values, counts = np.array([1.5, -2.0, 7.25]), np.array([4, 1, 9])
    assert figures(Moments.of(values, counts)) == pytest.approx(
        figures(Moments.of(np.repeat(values, counts))), rel=1e-13
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=40), st.data())
def test_any_cut_gives_the_same_moments(values, data):
    array = np.array(values)
    cut = data.draw(st.integers(0, len(values)))
    whole, both = Moments.of(array), Moments.of(array[:cut]).merge(Moments.of(array[cut:]))
    scale = max(1.0, float(np.abs(array).max()))
    assert both.n == whole.n
    assert both.mean == pytest.approx(whole.mean, abs=1e-12 * scale)
    for power in (2, 3, 4):
        mine, theirs = getattr(both, f"m{power}"), getattr(whole, f"m{power}")
        assert mine == pytest.approx(theirs, abs=1e-10 * len(values) * scale**power)


def test_few_or_equal_values_have_no_shape():
    assert Moments().mean is None
    assert Moments.of(np.array([3.0])).sd is None
    assert Moments.of(np.array([3.0, 3.0, 3.0, 3.0])).kurtosis is None
    assert Moments.of(np.array([1.0, 2.0])).skewness is None


def test_what_is_beyond_floats_is_unknown_and_not_an_error():
    found = Moments.of(np.array([1e308, -1e308, 1e308, 5.0])).merge(Moments.of(np.array([-1e308, 1.0])))
    assert found.n == 6
    assert found.sd is None
    written = found.model_dump_json()
    assert Moments.model_validate_json(written).model_dump_json() == written


def test_the_mean_of_the_largest_floats_does_not_overflow():
    assert Moments.of(np.full(3, 1.5e308)).mean == pytest.approx(1.5e308)
