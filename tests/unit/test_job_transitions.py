import json
from dataclasses import replace
from itertools import product

import pytest
from job_stories import (
    HASH,
    accepted,
    any_event,
    attempt_failed,
    claimed,
    job_failed,
    job_in,
    story_of,
    succeeded,
)

from prismlane.common.errors import DamagedStoreError, InvalidTransitionError, StaleFenceError
from prismlane.common.states import AttemptState, FailureReason, JobState
from prismlane.engine.jobs import commands as do
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.model import JobSpec
from prismlane.engine.jobs.recovery import check_fold
from prismlane.engine.jobs.transitions import (
    TRANSITIONS,
    accept,
    apply,
    entering,
    fold,
    spec_from_dict,
    spec_to_dict,
)

#: The moves of the documentation's table, told a second time.
ALLOWED = {
    ("scheduled", "job.due"): "queued",
    ("scheduled", "job.cancelled"): "cancelled",
    ("scheduled", "job.expired"): "expired",
    ("scheduled", "job.failed"): "failed",
    ("waiting", "job.unblocked"): "queued",
    ("waiting", "job.dependency_failed"): "cancelled",
    ("waiting", "job.cancelled"): "cancelled",
    ("waiting", "job.failed"): "failed",
    ("queued", "attempt.claimed"): "running",
    ("queued", "job.cancelled"): "cancelled",
    ("queued", "job.expired"): "expired",
    ("queued", "job.failed"): "failed",
    ("running", "job.succeeded"): "succeeded",
    ("running", "attempt.failed"): "retry_wait",
    ("running", "job.failed"): "failed",
    ("running", "attempt.released"): "queued",
    ("running", "job.cancelling"): "cancelling",
    ("retry_wait", "job.retry_due"): "queued",
    ("retry_wait", "job.cancelled"): "cancelled",
    ("retry_wait", "job.failed"): "failed",
    ("cancelling", "job.cancelling"): "cancelling",
    ("cancelling", "job.cancelled"): "cancelled",
    ("cancelling", "job.failed"): "failed",
}
EVENTS = sorted(ev.EVENT_TYPES.values(), key=lambda cls: cls.type)
TERMINAL = [state for state in JobState if state.is_terminal]


def after(job, *events):
    for event in events:
        job, _ = apply(job, event)
    return job


@pytest.mark.parametrize(
    ("state", "type_"), [*product(JobState, EVENTS)], ids=lambda value: getattr(value, "type", value)
)
def test_g6_a_move_is_made_if_and_only_if_the_table_has_it(state, type_):
    job = job_in(state)
    event = any_event(type_, job)
    expected = ALLOWED.get((state, type_.type))
    if expected is None:
        with pytest.raises(InvalidTransitionError):
            apply(job, event)
    else:
        assert apply(job, event)[0].state == expected


def test_the_table_has_no_move_beside_the_documented_ones():
    assert {(state, type_.type): to for (state, type_), to in TRANSITIONS.items()} == ALLOWED


@pytest.mark.parametrize("state", [*JobState])
def test_g8_each_event_has_the_next_number_and_the_state_is_their_fold(state):
    events = story_of(state)
    job, _ = accept(events[0])
    for number, event in enumerate(events[1:], start=2):
        job, _ = apply(job, event)
        assert job.seq == number
    assert fold(events) == job
    assert job.state is state
    check_fold(job, events)


def test_a_row_that_is_not_the_fold_of_its_events_is_called_damaged_with_the_fields_that_differ():
    events = story_of(JobState.SUCCEEDED)
    row = replace(fold(events), result_hash="cd" * 32, seq=4)
    with pytest.raises(DamagedStoreError, match="seq, result_hash"):
        check_fold(row, events)


@pytest.mark.parametrize("events", [[], [claimed()], story_of(JobState.RUNNING)[1:]], ids=len)
def test_g8_a_log_that_does_not_begin_with_acceptance_is_refused(events):
    with pytest.raises(ValueError, match="JobAccepted"):
        fold(events)


@pytest.mark.parametrize("type_", EVENTS, ids=lambda cls: cls.type)
def test_g8_an_event_survives_its_way_through_json(type_):
    event = any_event(type_, job_in(JobState.RUNNING))
    data = json.loads(json.dumps(ev.event_to_dict(event)))
    assert ev.event_from_dict(event.type, data) == event
    assert type(ev.event_from_dict(event.type, data)) is type_


def test_a_failure_reason_comes_back_from_json_as_the_enum():
    data = json.loads(json.dumps(ev.event_to_dict(attempt_failed(reason=FailureReason.LOST))))
    assert ev.event_from_dict("attempt.failed", data).reason is FailureReason.LOST


def test_fields_of_a_newer_release_are_ignored_and_a_newer_event_type_is_not():
    data = {**ev.event_to_dict(ev.JobBecameDue(at=1.0)), "moon_phase": 0.3}
    assert ev.event_from_dict("job.due", data) == ev.JobBecameDue(at=1.0)
    with pytest.raises(KeyError):
        ev.event_from_dict("job.teleported", data)


def test_event_types_name_the_very_classes_that_are_exported():
    for cls in ev.EVENT_TYPES.values():
        assert getattr(ev, cls.__name__) is cls


def test_a_spec_survives_its_way_through_json():
    spec = JobSpec(
        analysis="a", analysis_version="1", waits_on=("x", "y"), params={"k": [1]}, labels={"l": "v"}
    )
    data = json.loads(json.dumps(spec_to_dict(spec)))
    assert data == spec_to_dict(spec)
    assert spec_from_dict({**data, "new": 1}) == spec


@pytest.mark.parametrize(
    ("spec", "state"),
    [
        ({}, JobState.QUEUED),
        ({"not_before": 100.0}, JobState.QUEUED),
        ({"not_before": 101.0}, JobState.SCHEDULED),
        ({"waits_on": ("x",), "not_before": 101.0}, JobState.WAITING),
    ],
)
def test_acceptance_chooses_the_first_state_from_the_spec(spec, state):
    job, _ = accept(accepted(**spec))
    assert (job.state, job.seq, job.fence, job.n_attempts) == (state, 1, 0, 0)


# --- ownership --------------------------------------------------------------------------------------


def ends_of_attempt(fence):
    return [
        succeeded(fence),
        attempt_failed(fence),
        job_failed(fence),
        ev.AttemptReleased(at=120.0, fence=fence),
        ev.JobCancelled(at=120.0, fence=fence),
    ]


@pytest.mark.parametrize("event", ends_of_attempt(1), ids=lambda event: event.type)
@pytest.mark.parametrize("state", [*JobState])
def test_g5_late_word_of_a_lost_attempt_is_stale_whatever_became_of_the_job(state, event):
    job = job_in(state)
    if job.owner_fence == 1:
        job = after(fold([accepted(), claimed(1), attempt_failed(1)]), ev.RetryBecameDue(at=1.0), claimed(2))
    with pytest.raises(StaleFenceError):
        apply(job, event)


@pytest.mark.parametrize("type_", [ev.JobFailed, ev.JobCancelled])
def test_g5_a_live_attempt_is_not_ended_without_naming_it(type_):
    job = job_in(JobState.CANCELLING)
    with pytest.raises(StaleFenceError):
        apply(job, replace(any_event(type_, job), fence=None))


@pytest.mark.parametrize("fence", [0, 1])
def test_g5_a_fence_is_never_given_out_twice(fence):
    job = after(job_in(JobState.RUNNING), ev.AttemptReleased(at=1.0, fence=1))
    with pytest.raises(StaleFenceError):
        apply(job, claimed(fence))


@pytest.mark.parametrize("state", TERMINAL)
@pytest.mark.parametrize("type_", EVENTS, ids=lambda cls: cls.type)
def test_g6_nothing_moves_a_terminal_job(state, type_):
    job = job_in(state)
    with pytest.raises((InvalidTransitionError, StaleFenceError)):
        apply(job, any_event(type_, job))


def test_a_refusal_tells_the_story_of_the_job():
    with pytest.raises(
        InvalidTransitionError, match=r"it is failed, accepted 1970.*attempt 1 failed, fence 1.*event 3"
    ):
        apply(job_in(JobState.FAILED), ev.JobBecameDue(at=1.0))


# --- what events change ------------------------------------------------------------------------------


def test_success_has_a_result_and_the_time_of_its_end():
    job = job_in(JobState.SUCCEEDED)
    assert (job.result_hash, job.result_bytes, job.finished_at) == (HASH, 7, 120.0)
    assert job.attempt.state is AttemptState.SUCCEEDED
    assert job.owner_fence is None


def test_a_start_at_time_zero_is_a_start():
    job = after(
        fold([accepted(at=0.0), claimed(at=0.0), attempt_failed()]), ev.RetryBecameDue(at=2.0), claimed(2)
    )
    assert job.started_at == 0.0


@pytest.mark.parametrize("make", [attempt_failed, job_failed])
@pytest.mark.parametrize(
    ("reason", "state"),
    [(FailureReason.LOST, AttemptState.LOST), (FailureReason.ERROR, AttemptState.FAILED)],
)
def test_an_attempt_whose_owner_fell_silent_is_lost_and_not_failed(make, reason, state):
    job = after(job_in(JobState.RUNNING), make(reason=reason))
    assert (job.attempt.state, job.attempt.reason, job.attempt.ended_at) == (state, reason, 120.0)


def test_g12_a_released_attempt_does_not_count_but_keeps_its_number():
    job = after(job_in(JobState.RUNNING), ev.AttemptReleased(at=1.0, fence=1))
    assert (job.state, job.n_attempts, job.attempt.state) == (JobState.QUEUED, 0, AttemptState.RELEASED)
    job = after(job, claimed(2))
    assert (job.n_attempts, job.attempt.number) == (1, 2)


def test_g12_a_released_job_gets_no_second_queue_deadline():
    job = job_in(JobState.RUNNING, queue_deadline=200.0)
    _, commands = apply(job, ev.AttemptReleased(at=300.0, fence=1))
    assert commands == [do.CloseLease(job.id, 1), do.Enqueue(job.id)]


def test_the_time_of_a_retry_is_forgotten_when_it_has_come():
    job = job_in(JobState.RETRY_WAIT)
    assert job.retry_at == 121.0
    assert after(job, ev.RetryBecameDue(at=121.0)).retry_at is None


def test_a_job_cancelled_for_another_tells_which():
    job = after(job_in(JobState.WAITING), ev.DependencyFailed(at=1.0, dependency="job_0_z"))
    assert job.cancel.reason == "job_0_z did not succeed"


def test_g7_a_second_request_can_hurry_the_end_but_not_change_what_it_is():
    cancelled = after(
        job_in(JobState.CANCELLING), ev.CancelRequested(at=9.0, timed_out=True, force=True, grace_s=0)
    )
    assert (cancelled.cancel.timed_out, cancelled.cancel.force) == (False, True)
    assert cancelled.cancel.reason == "changed my mind"
    late = after(job_in(JobState.RUNNING), ev.CancelRequested(at=9.0, timed_out=True, force=True, grace_s=0))
    late = after(late, ev.CancelRequested(at=9.0, reason="too slow"))
    assert (late.cancel.timed_out, late.cancel.force) == (True, True)


# --- what follows from events ------------------------------------------------------------------------


def test_a_claim_opens_a_lease_and_sets_the_latest_end():
    job = job_in(JobState.QUEUED, run_timeout_s=60.0)
    _, commands = apply(job, claimed(at=110.0))
    assert commands == [
        do.Dequeue(job.id),
        do.OpenLease(job.id, 1, "worker-1"),
        do.SetTimer(job.id, "run_timeout", 110.0 + 60.0 + 15.0),
    ]


@pytest.mark.parametrize("event", ends_of_attempt(1)[:4], ids=lambda event: event.type)
def test_g5_the_end_of_an_attempt_closes_its_lease(event):
    _, commands = apply(job_in(JobState.RUNNING), event)
    assert do.CloseLease("job_0_a", 1) in commands


def test_a_cancel_tells_the_owner_and_waits_for_its_word_beyond_the_grace():
    _, commands = apply(job_in(JobState.RUNNING), ev.CancelRequested(at=50.0, grace_s=5.0))
    assert commands == [do.TellOwner("job_0_a", 1), do.SetTimer("job_0_a", "cancel_grace", 50.0 + 5.0 + 10.0)]


@pytest.mark.parametrize("state", TERMINAL)
def test_an_ended_job_settles(state):
    *before, last = story_of(state)
    _, commands = apply(fold(before), last)
    assert commands[-1] == do.Settle("job_0_a")


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (JobState.SCHEDULED, [do.SetTimer("job_0_a", "due", 500.0)]),
        (JobState.WAITING, []),
        (JobState.QUEUED, [do.Enqueue("job_0_a")]),
        (JobState.RETRY_WAIT, [do.SetTimer("job_0_a", "retry", 121.0)]),
        (
            JobState.CANCELLING,
            [
                do.OpenLease("job_0_a", 1, "worker-1"),
                do.TellOwner("job_0_a", 1),
                do.SetTimer("job_0_a", "cancel_grace", 135.0),
            ],
        ),
    ],
)
def test_a_job_loaded_from_its_row_asks_for_what_its_state_needs(state, commands):
    assert entering(job_in(state)) == commands
