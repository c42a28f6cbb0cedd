"""What the benchmarks say is what was measured."""

import subprocess
import sys

from bench.__main__ import lines, run
from bench.comparison import Comparison, Subject
from bench.measure import quantile, span

COMPARISON = Comparison("demo", "peer", {"peer": Subject("peer"), "product": Subject("product")})


def test_value_is_the_median_and_ratio_the_median_of_ratios_within_rounds():
    rounds = [
        {"peer": {"wall": (1.0, "s")}, "product": {"wall": (3.0, "s")}},
        {"peer": {"wall": (10.0, "s")}, "product": {"wall": (20.0, "s")}},
        {"peer": {"wall": (2.0, "s")}, "product": {"wall": (2.0, "s")}},
    ]

    product = lines(COMPARISON, rounds)[1]

    assert (product["subject"], product["value"], product["unit"]) == ("product", 3.0, "s")
    assert (product["ratio_to"], product["ratio"]) == ("peer", 2.0)
    assert product["values"] == [3.0, 20.0, 2.0]


def test_figure_that_the_baseline_lacks_has_no_ratio():
    line = lines(COMPARISON, [{"product": {"wall": (3.0, "s")}}])[0]

    assert (line["value"], line["ratio_to"], line["ratio"]) == (3.0, None, None)


def test_subject_that_fails_is_told_and_left_out():
    rounds, failures = run({"broken": Subject("bench.no_such_module")}, n_rounds=2, quick=True)

    assert rounds == [{}, {}]
    assert [str(failure).startswith("broken gave no figures") for failure in failures] == [True]


def test_quantile_is_by_nearest_rank():
    values = [float(value) for value in range(1, 101)]

    assert [quantile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert quantile([7.0], 0.5) == 7.0


def test_cpu_seconds_of_a_child_that_has_ended_are_counted():
    burn = "import time\nwhile time.process_time() < 0.2: pass"

    with span() as taken:
        subprocess.run([sys.executable, "-c", burn], check=True)

    assert taken.cpu_s >= 0.18  # the kernel counts in ticks of 10 ms
    assert taken.wall_s > 0
