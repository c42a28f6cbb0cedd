"""Rows of the store and the values they stand for."""

import json
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from prismlane.common.ids import new_job_id
from prismlane.engine.jobs.transitions import fold
from prismlane.engine.ports import Transaction
from prismlane.engine.storage import rows
from prismlane.engine.storage.write_batch import WriteBatch
from prismlane.testing.job_lives import life

lives = st.randoms(use_true_random=False).map(lambda choose: life(choose, "job_7_a", tenant="t", n_events=20))


def read_back(row):
    return rows.job_from_row([row[name] for name in rows.JOB_COLUMNS])


@given(lives)
def test_job_comes_back_from_its_row(changes):
    for change in changes:
        assert read_back(rows.job_row(change.job)) == change.job


@given(lives)
def test_g8_fold_of_the_stored_events_is_the_job_of_the_moved_row(changes):
    row = rows.job_row(changes[0].job)
    for change in changes[1:]:
        row |= rows.changing_job_row(change.job)
    stored = []
    for change in changes:
        event = rows.event_row(change)
        stored.append(rows.event_from_row([event[name] for name in rows.EVENT_COLUMNS]))
    assert [event.seq for event in stored] == list(range(1, len(changes) + 1))
    assert fold(event.event for event in stored) == read_back(row) == changes[-1].job


@given(lives)
def test_row_survives_the_json_in_which_statements_take_it(changes):
    row = rows.job_row(changes[-1].job)
    assert json.loads(rows.rows_to_json([row])) == [row]


@given(lives)
def test_batch_holds_one_row_a_job_and_all_of_its_events(changes):
    batch = WriteBatch.of([Transaction(changes=[change]) for change in changes])
    assert [row["seq"] for row in batch.new_job_rows] == [len(changes)]
    assert batch.moved_job_rows == []
    assert [row["seq"] for row in batch.events] == list(range(1, len(changes) + 1))
    later = WriteBatch.of([Transaction(changes=changes[1:])])
    assert later.new_job_rows == []
    assert [row["seq_before"] for row in later.moved_job_rows] == ([1] if len(changes) > 1 else [])


@given(lives)
def test_fields_of_a_newer_release_are_ignored(changes):
    row = rows.job_row(changes[-1].job)
    for column in ("spec", "body"):
        values = json.loads(row[column])
        for nested in (values, values.get("attempt"), values.get("cancel")):
            if nested is not None:
                nested["of_a_newer_release"] = 1
        row[column] = json.dumps(values)
    assert read_back(row) == changes[-1].job


def test_lane_of_a_row_is_that_of_the_job_id():
    job = life(random.Random(1), "job_0_a")[0].job
    assert rows.job_row(job)["lane"] == 0
    assert rows.lane(new_job_id(12)) == 12
    assert rows.lane("anything") == 0


def test_number_that_has_no_json_does_not_keep_a_job_from_being_stored():
    job = replace(life(random.Random(1), "job_0_a")[0].job, error={"facts": {"mean": float("inf")}})
    row = json.loads(rows.rows_to_json([rows.job_row(job)]))[0]
    assert read_back(row) == job
