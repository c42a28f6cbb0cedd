"""Everything of an engine ends at once, and an engine starts again on the same data directory."""

import re

import pytest
from engine_watch import QUICK, computing, events_of, is_gone, until

from prismlane.client import Client
from prismlane.common.wire import Progress
from prismlane.testing.engine_process import EngineProcess

pytestmark = pytest.mark.faults

N_QUEUED = 20
NONE = Progress(done=0, total=1)


def partitions_computed(engine: EngineProcess) -> list[int]:
    told = (re.match(r"row_count: partition (\d+)", line["event"]) for line in engine.log_lines())
    return [int(found[1]) for found in told if found is not None]


def test_g1_g3_after_a_power_cut_every_accepted_job_ends_once(tmp_path, table):
    before = EngineProcess.start(tmp_path / "data", settings=QUICK)
    try:
        with Client(before.url) as client:
            dataset = client.datasets.add(table)
            # One worker sleeps, so the other one computes the partitions one by one.
            running = computing(client.submit("sleep", seconds=15.0))
            parted = client.submit("row_count", dataset, seconds=2.0)
            until(lambda: (parted.refresh().view.progress or NONE).done >= 2, "two partitions are kept")
            queued = [client.submit("noop").id for _ in range(N_QUEUED)]
            children = list(before.child_pids())
    finally:
        before.kill()
    for pid in children:
        until(lambda pid=pid: is_gone(pid), "children end with their engine", within_s=20)
    n_computed_before = len(partitions_computed(before))
    with EngineProcess.start(tmp_path / "data", settings=QUICK) as after, Client(after.url) as client:
        jobs = [client.jobs.get(job_id) for job_id in (parted.id, running.id, *queued)]
        for job in jobs:
            job.result(90)
            assert [type_ for type_, _ in events_of(job)].count("job.succeeded") == 1
        assert jobs[0].result().output == {"n_rows": 1_200_000}
        assert 2 <= n_computed_before < 6
        again = partitions_computed(after)[n_computed_before:]
        assert len(again) == len(set(again)) <= 4, "what was kept is not computed again"
