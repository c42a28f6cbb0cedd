from dataclasses import replace

import pytest
from job_stories import HASH, accepted, attempt_failed, claimed, job_in, succeeded

from prismlane.common.errors import InvalidTransitionError, JobNotFoundError, StaleFenceError
from prismlane.common.states import FailureReason, JobState
from prismlane.engine.jobs import commands as do
from prismlane.engine.jobs import decisions as decide
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.book import JobBook
from prismlane.engine.jobs.leases import Lease

NOW, MONO = 1_000.0, 50.0


@pytest.fixture
def book():
    return JobBook(lease_s=30.0)


def add(book, job_id="x", *, at=NOW, **spec):
    book.commit(book.preview_accept(accepted(job_id, at=at, **spec)), at, MONO)


def tell(book, job_id, event, *, mono=MONO):
    return book.commit(book.preview(job_id, event), event.at, mono)


def run(book, job_id="x", *, worker="w", mono=MONO):
    """Let `worker` claim a job that is next in line."""
    assert book.next_claims(worker, 1, 60.0) == [job_id]
    return tell(book, job_id, claimed(book.job(job_id).fence + 1, worker, at=NOW), mono=mono)


# --- deciding and committing --------------------------------------------------------------------------


def test_g10_a_preview_changes_nothing(book):
    add(book)
    before = book.job("x")
    decision = book.preview("x", ev.JobCancelled(at=NOW))
    book.preview_accept(accepted("y", at=NOW))
    assert decision.job.state is JobState.CANCELLED
    assert book.job("x") is before
    assert book.is_queued("x")
    assert "y" not in book


def test_an_unknown_job_is_not_found(book):
    for ask in (book.job, book.partitions, lambda job_id: book.preview(job_id, ev.JobCancelled(at=NOW))):
        with pytest.raises(JobNotFoundError):
            ask("nowhere")


def test_a_job_is_not_accepted_twice(book):
    add(book)
    with pytest.raises(InvalidTransitionError, match="accepted before"):
        book.preview_accept(accepted("x", at=NOW))


def test_g8_of_two_events_decided_at_the_same_state_only_one_is_committed(book):
    add(book)
    run(book)
    first = book.preview("x", succeeded(1))
    second = book.preview("x", ev.CancelRequested(at=NOW))
    book.commit(second, NOW, MONO)
    with pytest.raises(InvalidTransitionError, match="moved on"):
        book.commit(first, NOW, MONO)
    assert book.job("x").state is JobState.CANCELLING


def test_g6_an_ended_job_leaves_the_book_with_all_that_belonged_to_it(book):
    add(book, queue_deadline=NOW + 5, n_partitions=3)
    run(book)
    book.partitions("x").take("w", 1)
    book.partitions("x").finish("w", 0, 0, HASH)
    assert tell(book, "x", succeeded(1, at=NOW)) == [do.Settle("x")]
    assert "x" not in book
    assert book._checkpoints == {}
    assert (len(book), book.n_queued, book.n_running, len(book.timers)) == (0, 0, 0, 0)
    with pytest.raises(JobNotFoundError):
        book.preview("x", succeeded(1))


def test_a_cancel_leaves_only_the_word_to_the_owner_to_the_shell(book):
    add(book)
    run(book)
    asked = decide.cancel(book.job("x"), force=False, grace_s=5.0, reason="", now=NOW)
    assert tell(book, "x", asked) == [do.TellOwner("x", 1)]
    assert ("x", "cancel_grace") in book.timers
    assert book.leases.get("x") == Lease("x", 1, "w", MONO + 30.0)


def test_g7_an_owner_that_does_not_answer_a_cancel_loses_the_job_after_the_grace(book):
    add(book)
    run(book)
    tell(book, "x", ev.CancelRequested(at=NOW, grace_s=5.0), mono=MONO)
    assert book.timers.pop_due(MONO + 14.9) == []
    [(job_id, kind)] = book.timers.pop_due(MONO + 15.0)
    event = decide.timer_fired(book.job(job_id), kind, NOW + 15.0)
    assert event == ev.JobCancelled(at=NOW + 15.0, fence=1)
    assert tell(book, "x", event) == [do.Settle("x")]
    assert not book.leases.renew("x", 1, MONO + 16.0)


def test_g3_an_attempt_that_outlives_its_run_timeout_and_its_owner_ends_failed(book):
    add(book, run_timeout_s=100.0)
    run(book)
    book.leases.extend_all(1e9)
    [(_, kind)] = book.timers.pop_due(MONO + 115.0)
    assert kind == "run_timeout"
    left = tell(book, "x", decide.timer_fired(book.job("x"), kind, NOW + 115.0), mono=MONO + 115.0)
    assert left == [do.TellOwner("x", 1)]
    [(_, kind)] = book.timers.pop_due(MONO + 125.0)
    decision = book.preview("x", decide.timer_fired(book.job("x"), kind, NOW + 125.0))
    assert (decision.job.state, decision.job.reason) == (JobState.FAILED, FailureReason.TIMEOUT)


@pytest.mark.parametrize("jump_s", [-3600.0, 0.0, 3600.0])
def test_a_jump_of_the_wall_clock_moves_no_timer_that_was_set_before(book, jump_s):
    add(book, not_before=NOW + 20.0)
    add(book, "y", at=NOW + jump_s, not_before=NOW + jump_s + 30.0)
    assert book.timers.pop_due(MONO + 19.9) == []
    assert book.timers.pop_due(MONO + 20.0) == [("x", "due")]
    assert book.timers.pop_due(MONO + 30.0) == [("y", "due")]


# --- claiming ---------------------------------------------------------------------------------------


def test_a_worker_is_offered_as_many_jobs_as_it_asks_for(book):
    for n in range(5):
        add(book, f"j{n}", analysis=f"a{n}")
    assert book.next_claims("w", 0, 60.0) == []
    assert book.next_claims("w", 3, 0.0) == ["j0", "j1", "j2"]
    assert (book.n_queued, len(book)) == (5, 5)


def test_jobs_of_unknown_length_are_offered_one_at_a_time(book):
    add(book, "x")
    add(book, "y")
    assert book.next_claims("w", 9, 60.0) == ["x"]


def test_short_jobs_are_offered_together_as_far_as_the_budget_goes(book):
    book.learn("profile", 4.0)
    assert book.estimate_s("profile") == 4.0
    for n in range(5):
        add(book, f"j{n}")
    assert book.next_claims("w", 9, 8.0) == ["j0", "j1"]
    assert book.next_claims("w", 9, 1.0) == ["j2"]


def test_the_estimate_leans_towards_the_latest_runs(book):
    for took_s in (10.0, 20.0):
        book.learn("profile", took_s)
    assert book.estimate_s("profile") == pytest.approx(12.0)
    assert book.estimate_s("other") is None


def test_a_job_whose_claim_failed_is_offered_again(book):
    add(book, concurrency_key="k")
    assert book.next_claims("w", 1, 60.0) == ["x"]
    assert book.next_claims("v", 1, 60.0) == []
    book.unclaim("x")
    book.unclaim("x")
    assert book.next_claims("v", 1, 60.0) == ["x"]


def test_a_job_that_was_claimed_is_not_put_back(book):
    add(book)
    run(book)
    book.unclaim("x")
    assert not book.is_queued("x")


def test_a_job_cancelled_while_it_was_offered_is_gone_and_its_key_is_free(book):
    add(book, "x", concurrency_key="k")
    add(book, "y", concurrency_key="k")
    book.next_claims("w", 1, 60.0)
    tell(book, "x", ev.JobCancelled(at=NOW))
    with pytest.raises(JobNotFoundError):
        book.preview("x", claimed())
    book.unclaim("x")
    run(book, "y")


# --- concurrency keys ---------------------------------------------------------------------------------


def two_of_a_key(book):
    add(book, "x", concurrency_key="k")
    add(book, "y", concurrency_key="k")
    run(book, "x")
    assert book.next_claims("w", 1, 60.0) == []


ENDS = {
    "success": [succeeded(1)],
    "retry": [attempt_failed(1)],
    "failure": [ev.JobFailed(at=NOW, fence=1, reason=FailureReason.ERROR, error={})],
    "cancel": [ev.CancelRequested(at=NOW), ev.JobCancelled(at=NOW, fence=1)],
}


@pytest.mark.parametrize("events", ENDS.values(), ids=ENDS)
def test_the_end_of_an_attempt_frees_its_concurrency_key(book, events):
    two_of_a_key(book)
    for event in events:
        tell(book, "x", event)
    run(book, "y")


def test_a_job_that_is_asked_to_end_keeps_its_key_until_it_has_ended(book):
    two_of_a_key(book)
    tell(book, "x", ev.CancelRequested(at=NOW))
    assert book.next_claims("w", 1, 60.0) == []


def test_a_job_handed_back_goes_before_younger_ones_of_its_key(book):
    two_of_a_key(book)
    tell(book, "x", ev.AttemptReleased(at=NOW, fence=1))
    run(book, "x")
    with pytest.raises(InvalidTransitionError, match="x runs under the same concurrency key"):
        book.preview("y", claimed(1))


# --- partitions -------------------------------------------------------------------------------------


def test_what_a_lost_attempt_computed_is_there_for_the_next(book):
    add(book, n_partitions=3, n_passes=2)
    run(book)
    partitions = book.partitions("x")
    partitions.take("w", 2)
    partitions.finish("w", 0, 1, HASH)
    tell(book, "x", attempt_failed(1, FailureReason.LOST, at=NOW))
    with pytest.raises(JobNotFoundError):
        book.partitions("x")
    tell(book, "x", ev.RetryBecameDue(at=NOW))
    run(book, worker="v")
    assert book.partitions("x").take("v", 9) == [0, 2]
    assert not partitions.finish("v", 0, 0, HASH)
    assert book.partitions("x").states(0) == [HASH]


def test_others_help_with_open_partitions_of_running_jobs_longest_running_first(book):
    for job_id, n_partitions in [("x", 2), ("single", 1), ("y", 2)]:
        add(book, job_id, n_partitions=n_partitions)
        run(book, job_id, worker=f"owner-of-{job_id}")
    add(book, "queued", n_partitions=2)
    assert list(book.helpable("helper")) == ["x", "y"]
    assert list(book.helpable("owner-of-x")) == ["y"]
    book.partitions("x").take("owner-of-x", 2)
    assert list(book.helpable("helper")) == ["y"]
    tell(book, "y", ev.CancelRequested(at=NOW))
    assert list(book.helpable("helper")) == []


def test_the_partitions_of_a_lost_helper_are_open_again(book):
    add(book, n_partitions=4)
    run(book)
    book.partitions("x").take("w", 2)
    book.partitions("x").take("helper", 2)
    book.give_back("helper")
    assert book.partitions("x").n_open == 2


# --- dependencies -----------------------------------------------------------------------------------


def test_a_job_that_ends_tells_who_waited_for_it(book):
    add(book, "x")
    add(book, "y", waits_on=("x",))
    add(book, "z", waits_on=("x", "y", "x"))
    run(book, "x")
    tell(book, "x", succeeded(1))
    assert [job.id for job in book.waiting_on("x")] == ["y", "z"]
    tell(book, "y", book.dependencies_changed("y", {"x": JobState.SUCCEEDED}, NOW))
    assert [job.id for job in book.waiting_on("x")] == ["z"]
    tell(book, "z", ev.DependencyFailed(at=NOW, dependency="y"))
    assert book.waiting_on("x") == book.waiting_on("y") == []


def test_g3_a_job_whose_time_has_come_goes_on_though_the_clock_was_set_back(book):
    add(book, "x")
    add(book, "y", waits_on=("x",), not_before=NOW + 20.0)
    succeeded_x = {"x": JobState.SUCCEEDED}
    assert book.dependencies_changed("y", succeeded_x, NOW + 19.0) is None
    assert book.timers.pop_due(MONO + 20.0) == [("y", "due")]
    assert book.dependencies_changed("y", succeeded_x, NOW - 3600.0) is not None


# --- recovery ---------------------------------------------------------------------------------------


def test_g3_a_recovered_book_takes_every_job_up_where_it_was(book):
    states = [state for state in JobState if not state.is_terminal]
    rows = [replace(job_in(state, n_partitions=2), id=state.value) for state in states]
    left = book.load(rows, {"running": {(0, 0): HASH}}, NOW, MONO)
    assert [job.id for job in book] == [row.id for row in rows]
    assert left == [do.TellOwner("cancelling", 1)]
    assert book.leases.get("running") == Lease("running", 1, "worker-1", MONO + 30.0)
    assert book.leases.get("cancelling") == Lease("cancelling", 1, "worker-1", MONO + 30.0)
    assert (book.n_queued, book.n_running) == (1, 2)
    assert [job.id for job in book.waiting_on("job_0_z")] == ["waiting"]
    assert book.partitions("running").take("worker-1", 9) == [1]
    # Their times passed while nobody ran the engine.
    assert set(book.timers.pop_due(MONO)) == {
        ("scheduled", "due"),
        ("retry_wait", "retry"),
        ("cancelling", "cancel_grace"),
    }


def test_g5_after_a_recovery_the_owner_goes_on_and_an_older_one_does_not(book):
    add(book)
    run(book)
    tell(book, "x", attempt_failed(1, FailureReason.LOST, at=NOW))
    tell(book, "x", ev.RetryBecameDue(at=NOW))
    run(book)
    recovered = JobBook(lease_s=30.0)
    recovered.load(list(book), {}, NOW, MONO + 500.0)
    assert not recovered.leases.renew("x", 1, MONO + 501.0)
    assert recovered.leases.renew("x", 2, MONO + 501.0)
    with pytest.raises(StaleFenceError):
        recovered.preview("x", succeeded(1))
    assert recovered.preview("x", succeeded(2)).job.state is JobState.SUCCEEDED


def test_checkpoints_of_a_queued_job_serve_the_attempt_after_a_recovery(book):
    add(book, n_partitions=2)
    recovered = JobBook()
    recovered.load(list(book), {"x": {(0, 1): HASH}}, NOW, MONO)
    run(recovered)
    assert recovered.partitions("x").take("w", 9) == [0]


def test_a_key_held_before_a_crash_is_held_after_it(book):
    two_of_a_key(book)
    recovered = JobBook()
    recovered.load(list(book), {}, NOW, MONO)
    assert recovered.next_claims("w", 9, 60.0) == []
