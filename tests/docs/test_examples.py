"""The examples run, and the one of an analysis keeps the laws."""

import runpy
from pathlib import Path

import pyarrow as pa

from prismlane.testing.laws import check_analysis

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARE_ABOVE = runpy.run_path(str(EXAMPLES / "share_above.py"))


def test_share_above_counts_values_of_two_partitions():
    analysis = SHARE_ABOVE["ShareAbove"](SHARE_ABOVE["Params"](column="x", threshold=2))
    ctx = SHARE_ABOVE["Context"]()
    parts = [pa.table({"x": [1, 2, 3]}), pa.table({"x": [None, 4, 5]})]

    state = SHARE_ABOVE["State"]()
    for part in parts:
        state = analysis.merge(state, analysis.partial(part, ctx))
    out = analysis.finish(state, ctx)

    assert (out.n_values, out.n_above, out.share) == (5, 3, 0.6)
    assert analysis.findings(out)[0].text == "3 of 5 values of x are above 2."


def test_share_above_keeps_the_laws():
    check_analysis(SHARE_ABOVE["ShareAbove"], params={"column": "number"})
