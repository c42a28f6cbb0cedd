from dataclasses import replace

import pytest
from job_stories import ERROR, attempt_failed, claimed, job_in

from prismlane.common.errors import InvalidTransitionError
from prismlane.common.states import FailureReason, JobState
from prismlane.engine.jobs import decisions as decide
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.transitions import apply


def failed(job, reason=FailureReason.ERROR, *, retryable=True, crashed=False, fence=1):
    event = decide.attempt_failed(
        job, fence, reason, ERROR, retryable=retryable, crashed=crashed, now=200.0, jitter=0.5
    )
    return event, apply(job, event)[0]


def late(job):
    asked = ev.CancelRequested(at=190.0, timed_out=True, force=True, grace_s=0.0)
    return apply(job, asked)[0]


@pytest.mark.parametrize(
    ("n_attempts", "longest_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (10_000, 60.0)]
)
def test_back_off_grows_and_is_capped(n_attempts, longest_s):
    assert decide.backoff_s(n_attempts, 0.0) == 0.0
    assert decide.backoff_s(n_attempts, 0.5) == longest_s / 2
    assert decide.backoff_s(n_attempts, 0.999) < longest_s


def test_a_retryable_failure_is_tried_again_after_the_back_off():
    event, job = failed(job_in(JobState.RUNNING))
    assert isinstance(event, ev.AttemptFailed)
    assert event.retry_at == 200.0 + 0.25
    assert job.state is JobState.RETRY_WAIT


def test_a_failure_that_is_not_retryable_ends_the_job():
    _, job = failed(job_in(JobState.RUNNING), retryable=False)
    assert (job.state, job.reason, job.error) == (JobState.FAILED, FailureReason.ERROR, ERROR)


@pytest.mark.parametrize("reason", sorted(decide.PERMANENT))
def test_a_permanent_failure_ends_the_job_at_the_first_attempt(reason):
    _, job = failed(job_in(JobState.RUNNING), reason)
    assert (job.state, job.reason) == (JobState.FAILED, reason)


def test_the_last_attempt_ends_the_job():
    _, job = failed(job_in(JobState.RUNNING, max_attempts=1), FailureReason.LOST)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LOST)


def second_run_after_a_crash(**spec):
    job, _ = apply(job_in(JobState.RUNNING, **spec), attempt_failed(1, FailureReason.LOST, crashed=True))
    job, _ = apply(job, ev.RetryBecameDue(at=130.0))
    return apply(job, claimed(2))[0]


def test_a_job_that_took_down_two_processes_is_poison():
    _, job = failed(second_run_after_a_crash(max_attempts=9), FailureReason.LOST, crashed=True, fence=2)
    assert (job.state, job.reason, job.n_crashes) == (JobState.FAILED, FailureReason.POISON, 2)


def test_a_second_crash_with_a_plainer_reason_keeps_that_reason():
    _, job = failed(second_run_after_a_crash(), FailureReason.OUT_OF_MEMORY, crashed=True, fence=2)
    assert job.reason is FailureReason.OUT_OF_MEMORY


# --- cancelling -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.RETRY_WAIT]
)
def test_a_job_that_nobody_runs_is_cancelled_at_once(state):
    job = job_in(state)
    event = decide.cancel(job, force=False, grace_s=10.0, reason="no need", now=200.0)
    job, _ = apply(job, event)
    assert (job.state, job.cancel.reason) == (JobState.CANCELLED, "no need")


@pytest.mark.parametrize(("force", "grace_s"), [(False, 7.0), (True, 0.0)])
def test_the_owner_of_a_running_job_is_asked_first(force, grace_s):
    event = decide.cancel(job_in(JobState.RUNNING), force=force, grace_s=7.0, reason="r", now=200.0)
    assert event == ev.CancelRequested(at=200.0, force=force, grace_s=grace_s, reason="r")


def test_asking_again_changes_nothing_but_force_does():
    job = job_in(JobState.CANCELLING)
    assert decide.cancel(job, force=False, grace_s=1.0, reason="", now=200.0) is None
    forced = decide.cancel(job, force=True, grace_s=1.0, reason="", now=200.0)
    assert isinstance(forced, ev.CancelRequested)
    job, _ = apply(job, forced)
    assert decide.cancel(job, force=True, grace_s=1.0, reason="", now=200.0) is None


def test_g7_cancelling_a_cancelled_job_is_confirmed_again():
    assert decide.cancel(job_in(JobState.CANCELLED), force=True, grace_s=1.0, reason="", now=200.0) is None


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED])
def test_g6_a_job_that_ended_otherwise_cannot_be_cancelled(state):
    with pytest.raises(InvalidTransitionError, match="cannot be cancelled"):
        decide.cancel(job_in(state), force=True, grace_s=1.0, reason="", now=200.0)


ENDS_OF_AN_OWNER = [
    lambda job: decide.attempt_succeeded(job, 1, "ab" * 32, 7, 200.0),
    lambda job: decide.attempt_released(job, 1, 200.0),
    lambda job: failed(job, FailureReason.OUT_OF_MEMORY, crashed=True)[0],
    lambda job: decide.timer_fired(job, "cancel_grace", 200.0),
]


@pytest.mark.parametrize("end", ENDS_OF_AN_OWNER)
def test_g7_after_a_confirmed_cancel_every_end_of_the_owner_is_cancelled(end):
    job = job_in(JobState.CANCELLING)
    job, _ = apply(job, end(job))
    assert (job.state, job.result_hash, job.reason) == (JobState.CANCELLED, None, None)


@pytest.mark.parametrize("end", ENDS_OF_AN_OWNER)
def test_after_the_run_timeout_every_end_of_the_owner_is_a_timeout_that_says_so(end):
    job = late(job_in(JobState.RUNNING, run_timeout_s=60.0))
    job, _ = apply(job, end(job))
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.TIMEOUT)
    assert job.error["code"] == "deadline-exceeded"
    assert "60 s" in job.error["detail"]


def test_an_owner_that_nobody_asked_to_end_publishes_or_hands_back():
    job = job_in(JobState.RUNNING)
    assert apply(job, decide.attempt_succeeded(job, 1, "ab" * 32, 7, 200.0))[0].state is JobState.SUCCEEDED
    assert apply(job, decide.attempt_released(job, 1, 200.0))[0].state is JobState.QUEUED


# --- timers -----------------------------------------------------------------------------------------

MEANT_FOR = {
    "due": {JobState.SCHEDULED: JobState.QUEUED},
    "retry": {JobState.RETRY_WAIT: JobState.QUEUED},
    "queue_deadline": {JobState.SCHEDULED: JobState.EXPIRED, JobState.QUEUED: JobState.EXPIRED},
    "run_timeout": {JobState.RUNNING: JobState.CANCELLING},
    "cancel_grace": {JobState.CANCELLING: JobState.CANCELLED},
}


@pytest.mark.parametrize("kind", MEANT_FOR)
@pytest.mark.parametrize("state", [*JobState])
def test_a_timer_moves_only_the_states_that_it_is_meant_for(kind, state):
    job = job_in(state)
    event = decide.timer_fired(job, kind, 600.0)
    if state in MEANT_FOR[kind]:
        assert apply(job, event)[0].state is MEANT_FOR[kind][state]
    else:
        assert event is None


def test_g12_a_job_that_was_handed_back_after_its_queue_deadline_does_not_expire():
    job = job_in(JobState.RUNNING, queue_deadline=200.0)
    job, _ = apply(job, ev.AttemptReleased(at=300.0, fence=1))
    assert decide.timer_fired(job, "queue_deadline", 301.0) is None


def test_a_run_timeout_ends_by_force():
    event = decide.timer_fired(job_in(JobState.RUNNING), "run_timeout", 600.0)
    assert (event.force, event.timed_out, event.grace_s) == (True, True, 0.0)


# --- other jobs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, None),
        ({"a": JobState.SUCCEEDED}, None),
        ({"a": JobState.SUCCEEDED, "b": JobState.RUNNING}, None),
        ({"a": JobState.SUCCEEDED, "b": JobState.SUCCEEDED}, ev.DependenciesSucceeded(at=200.0)),
        ({"b": JobState.EXPIRED}, ev.DependencyFailed(at=200.0, dependency="b")),
        ({"a": JobState.FAILED, "b": JobState.SUCCEEDED}, ev.DependencyFailed(at=200.0, dependency="a")),
        ({"a": JobState.RUNNING, "b": JobState.CANCELLED}, ev.DependencyFailed(at=200.0, dependency="b")),
    ],
)
def test_a_job_goes_on_when_all_it_waits_on_succeeded_and_ends_when_one_did_not(states, expected):
    job = job_in(JobState.WAITING, waits_on=("a", "b"))
    assert decide.dependencies_changed(job, states, 200.0, is_due=True) == expected


def test_a_job_that_waits_for_others_and_a_time_waits_for_both():
    job = job_in(JobState.WAITING, waits_on=("a",), not_before=300.0)
    good, bad = {"a": JobState.SUCCEEDED}, {"a": JobState.FAILED}
    assert decide.dependencies_changed(job, good, 250.0, is_due=False) is None
    assert decide.dependencies_changed(job, good, 250.0, is_due=True) is not None
    assert decide.dependencies_changed(job, bad, 250.0, is_due=False) is not None


def test_the_end_of_another_job_means_nothing_to_one_that_does_not_wait():
    job = replace(job_in(JobState.QUEUED), spec=job_in(JobState.WAITING).spec)
    assert decide.dependencies_changed(job, {"job_0_z": JobState.FAILED}, 200.0, is_due=True) is None
