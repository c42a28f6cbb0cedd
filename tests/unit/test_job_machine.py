"""Any sequence of what clients, workers, time and crashes can do, with every invariant checked after each step."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from prismlane.common.errors import InvalidTransitionError, StaleFenceError
from prismlane.common.states import FailureReason, JobState
from prismlane.engine.jobs import commands as do
from prismlane.engine.jobs import decisions as decide
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.book import JobBook
from prismlane.engine.jobs.model import JobSpec
from prismlane.engine.jobs.partitions import MERGED
from prismlane.engine.jobs.recovery import check_fold
from prismlane.engine.jobs.transitions import spec_to_dict

LEASE_S = 30.0
OWNED = (JobState.RUNNING, JobState.CANCELLING)
WORKERS = st.sampled_from(["w1", "w2", "w3"])
ERROR = {"code": "analysis-failed", "detail": "no"}

#: The timer that gets a job out of a state in which nothing else might ever move it.
TIMER_OF = {
    JobState.SCHEDULED: "due",
    JobState.RETRY_WAIT: "retry",
    JobState.RUNNING: "run_timeout",
    JobState.CANCELLING: "cancel_grace",
}


class JobMachine(RuleBasedStateMachine):
    """A tracker in small: a book, a store that survives crashes, and workers that may be of an earlier time."""

    jobs = Bundle("jobs")
    #: (job, fence, worker) of every attempt there ever was, live or stale.
    owners = Bundle("owners")

    def __init__(self):
        super().__init__()
        self.now, self.mono = 1_000_000.0, 500.0
        # What is on disk:
        self.rows, self.log, self.checkpoints = {}, {}, {}
        # What was promised to somebody:
        self.final, self.confirmed_cancels = {}, set()
        self.dirty, self.offered = set(), set()
        self.loses_next_commit = False
        self.n_recoveries = 0
        self.book = JobBook(LEASE_S, {"b": 2.0})

    # --- the shell in small -----------------------------------------------------------------------

    def record(self, decision):
        """Write, then commit; or crash between the two."""
        job = decision.job
        self.rows[job.id] = job
        self.log.setdefault(job.id, []).append(decision.event)
        self.dirty.add(job.id)
        if self.loses_next_commit:
            self.recover()
            return
        for command in self.book.commit(decision, self.now, self.mono):
            assert isinstance(command, do.TellOwner | do.Settle)
            if isinstance(command, do.Settle):
                for waiting in self.book.waiting_on(command.job_id):
                    self.recheck(waiting.id)

    def recheck(self, job_id):
        states = {dependency: self.rows[dependency].state for dependency in self.rows[job_id].spec.waits_on}
        event = self.book.dependencies_changed(job_id, states, self.now)
        if event is not None:
            self.record(self.book.preview(job_id, event))

    def recover(self):
        """A new process: memory is gone, the rows are there."""
        self.loses_next_commit = False
        self.n_recoveries += 1
        self.offered.clear()
        self.book = JobBook(LEASE_S, {"b": 2.0})
        unfinished = [row for row in self.rows.values() if not row.is_terminal]
        left = self.book.load(unfinished, self.checkpoints, self.now, self.mono)
        assert {told.job_id for told in left} == {
            row.id for row in unfinished if row.state is JobState.CANCELLING
        }
        assert not self.book.leases.expired(self.mono + LEASE_S - 0.1)
        for row in unfinished:
            if self.rows[row.id].state is JobState.WAITING:
                self.recheck(row.id)

    def tick(self):
        """End what nobody renewed, and fire the timers."""
        recoveries = self.n_recoveries
        for lease in self.book.leases.expired(self.mono):
            self.end_attempt(lease.job_id, lease.fence, FailureReason.LOST, retryable=True, crashed=True)
            if self.n_recoveries != recoveries:
                return  # the new process has leases and timers of its own
        for job_id, kind in self.book.timers.pop_due(self.mono):
            if job_id in self.book:
                self.fire(job_id, kind)
            if self.n_recoveries != recoveries:
                return
        assert not self.book.leases.expired(self.mono)

    def fire(self, job_id, kind):
        job = self.book.job(job_id)
        if job.state is JobState.WAITING:
            self.recheck(job_id)
            return
        event = decide.timer_fired(job, kind, self.now)
        if event is not None:
            self.record(self.book.preview(job_id, event))

    def end_attempt(self, job_id, fence, reason, *, retryable, crashed):
        event = decide.attempt_failed(
            self.book.job(job_id),
            fence,
            reason,
            ERROR,
            retryable=retryable,
            crashed=crashed,
            now=self.now,
            jitter=0.5,
        )
        self.record(self.book.preview(job_id, event))

    def is_live(self, owner):
        job_id, fence, _ = owner
        return self.rows[job_id].owner_fence == fence

    # --- clients ------------------------------------------------------------------------------------

    @rule(
        target=jobs,
        tenant=st.sampled_from("abc"),
        priority=st.integers(4, 6),
        key=st.sampled_from([None, None, "k", "l"]),
        not_before_s=st.sampled_from([None, None, None, 40.0]),
        deadline_s=st.sampled_from([None, None, 90.0]),
        run_timeout_s=st.sampled_from([20.0, 3600.0]),
        n_partitions=st.integers(1, 3),
        max_attempts=st.integers(1, 4),
        waits_on=st.one_of(st.none(), st.none(), jobs),
    )
    def submit(self, tenant, priority, key, not_before_s, deadline_s, waits_on, **spec):
        spec = JobSpec(
            analysis="profile",
            analysis_version="1",
            priority=priority,
            concurrency_key=key,
            not_before=None if not_before_s is None else self.now + not_before_s,
            queue_deadline=None if deadline_s is None else self.now + deadline_s,
            n_passes=2,
            waits_on=() if waits_on is None else (waits_on,),
            **spec,
        )
        job_id = f"j{len(self.rows)}"
        self.checkpoints[job_id] = {}
        event = ev.JobAccepted(at=self.now, job_id=job_id, tenant=tenant, spec=spec_to_dict(spec))
        self.record(self.book.preview_accept(event))
        if self.rows[job_id].state is JobState.WAITING:
            self.recheck(job_id)
        return job_id

    @rule(job_id=jobs, force=st.booleans())
    def cancel(self, job_id, force):
        row = self.rows[job_id]
        ask = {"force": force, "grace_s": 10.0, "reason": "", "now": self.now}
        if row.is_terminal and row.state is not JobState.CANCELLED:
            with pytest.raises(InvalidTransitionError):
                decide.cancel(row, **ask)
            return
        event = decide.cancel(row, **ask)
        if event is not None:
            self.record(self.book.preview(job_id, event))
        self.confirmed_cancels.add(job_id)

    # --- workers ------------------------------------------------------------------------------------

    @rule(worker=WORKERS, max_jobs=st.integers(1, 3))
    def offer(self, worker, max_jobs):
        offered = self.book.next_claims(worker, max_jobs, 60.0)
        assert len(offered) <= max_jobs
        assert offered or not self.claimable()
        self.offered.update(offered)

    @rule(target=owners, worker=WORKERS)
    def claim(self, worker):
        """Claim what was offered, or else what is next."""
        if not self.offered:
            self.offered.update(self.book.next_claims(worker, 1, 60.0))
        job_id = min(self.offered, default=None)
        if job_id is None:
            return ("none", 0, worker)
        self.offered.discard(job_id)
        row = self.rows[job_id]
        if row.is_terminal:  # it was cancelled, or expired, since it was offered
            self.book.unclaim(job_id)
            return ("none", 0, worker)
        event = ev.AttemptClaimed(at=self.now, worker=worker, fence=row.fence + 1)
        self.record(self.book.preview(job_id, event))
        return (job_id, event.fence, worker)

    @rule()
    def put_offers_back(self):
        for job_id in self.offered:
            self.book.unclaim(job_id)
        self.offered.clear()

    @rule(owner=owners)
    def succeed(self, owner):
        self.speak(
            owner, lambda job, fence: decide.attempt_succeeded(job, fence, f"{job.id}/{fence}", 1, self.now)
        )

    @rule(owner=owners)
    def hand_back(self, owner):
        self.speak(owner, lambda job, fence: decide.attempt_released(job, fence, self.now))

    @rule(
        owner=owners,
        reason=st.sampled_from([FailureReason.ERROR, FailureReason.ERROR, FailureReason.OUT_OF_MEMORY]),
        retryable=st.booleans(),
        crashed=st.booleans(),
    )
    def fail(self, owner, reason, retryable, crashed):
        def failed(job, fence):
            return decide.attempt_failed(
                job, fence, reason, ERROR, retryable=retryable, crashed=crashed, now=self.now, jitter=0.5
            )

        self.speak(owner, failed)

    def speak(self, owner, say):
        job_id, fence, _ = owner
        if job_id not in self.book:
            assert job_id == "none" or self.rows[job_id].is_terminal
            return
        event = say(self.book.job(job_id), fence)
        if self.is_live(owner):
            self.record(self.book.preview(job_id, event))
        else:
            with pytest.raises(StaleFenceError):
                self.book.preview(job_id, event)

    @rule(owner=owners)
    def heartbeat(self, owner):
        job_id, fence, _ = owner
        is_live = job_id in self.rows and self.is_live(owner)
        assert self.book.leases.renew(job_id, fence, self.mono) == is_live

    @rule(owner=owners, helper=WORKERS, n=st.integers(1, 3), finishes=st.booleans())
    def compute(self, owner, helper, n, finishes):
        """The owner, or a helper that found the job, computes some partitions; or takes them and says no more."""
        job_id, _, worker = owner
        if job_id == "none" or not self.is_live(owner):
            return
        worker = helper if job_id in self.book.helpable(helper) else worker
        partitions = self.book.partitions(job_id)
        pass_number = partitions.current_pass
        for number in partitions.take(worker, n):
            assert (pass_number, number) not in self.checkpoints[job_id]
            if finishes:
                self.checkpoints[job_id][pass_number, number] = f"{pass_number}/{number}"
                assert partitions.finish(worker, pass_number, number, f"{pass_number}/{number}")
        if partitions.is_pass_complete and pass_number == 0:
            assert partitions.states(0) == [f"0/{number}" for number in range(partitions.n_partitions)]
            self.checkpoints[job_id][0, MERGED] = "merged"
            partitions.open_next_pass("merged")

    @rule(worker=WORKERS)
    def lose_helper(self, worker):
        self.book.give_back(worker)

    @rule(owner=consumes(owners))
    def fall_silent_for_good(self, owner):
        pass

    # --- time and crashes ---------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.3, 5.0, 31.0, 100.0]))
    def let_time_pass(self, seconds):
        self.now += seconds
        self.mono += seconds
        self.tick()

    @rule(seconds=st.sampled_from([-3600.0, 3600.0]))
    def set_the_wall_clock(self, seconds):
        before = self.book.timers.next_due()
        self.now += seconds
        assert self.book.timers.next_due() == before

    @rule()
    def crash(self):
        self.recover()

    @rule()
    def crash_between_the_next_write_and_its_commit(self):
        self.loses_next_commit = True

    # --- what must hold after every step --------------------------------------------------------------

    def claimable(self):
        """Queued jobs that no concurrency key and no offer keeps back."""
        held = {
            (row.tenant, row.spec.concurrency_key)
            for row in self.rows.values()
            if row.state in OWNED or row.id in self.offered
        }
        return [
            row.id
            for row in self.rows.values()
            if row.state is JobState.QUEUED
            and row.id not in self.offered
            and (row.spec.concurrency_key is None or (row.tenant, row.spec.concurrency_key) not in held)
        ]

    @invariant()
    def g8_rows_are_the_fold_of_events_without_gaps(self):
        for job_id in self.dirty:
            row, log = self.rows[job_id], self.log[job_id]
            check_fold(row, log)
            assert row.seq == len(log)
            fences = [event.fence for event in log if isinstance(event, ev.AttemptClaimed)]
            assert fences == sorted(set(fences))
            assert row.fence == max(fences, default=0)
        self.dirty.clear()

    @invariant()
    def g6_an_ended_job_never_changes(self):
        for row in self.rows.values():
            if row.is_terminal:
                assert self.final.setdefault(row.id, row) == row

    @invariant()
    def a_result_is_there_if_and_only_if_the_job_succeeded(self):
        for row in self.rows.values():
            assert (row.result_hash is not None) == (row.state is JobState.SUCCEEDED)
            if row.state is JobState.SUCCEEDED:
                assert row.result_hash == f"{row.id}/{row.fence}"

    @invariant()
    def g7_a_confirmed_cancel_is_never_a_success(self):
        assert all(self.rows[job_id].state is not JobState.SUCCEEDED for job_id in self.confirmed_cancels)

    @invariant()
    def the_book_holds_the_rows_that_have_not_ended(self):
        unfinished = {row.id: row for row in self.rows.values() if not row.is_terminal}
        assert {job.id: job for job in self.book} == unfinished

    @invariant()
    def g5_a_lease_is_there_if_and_only_if_somebody_owns_the_job(self):
        owned = {
            row.id: (row.attempt.fence, row.attempt.worker)
            for row in self.rows.values()
            if row.state in OWNED
        }
        assert all(self.rows[job_id].owner_fence == fence for job_id, (fence, _) in owned.items())
        assert all((row.owner_fence is not None) == (row.id in owned) for row in self.rows.values())
        leases = {job_id: self.book.leases.get(job_id) for job_id in self.rows}
        assert {job_id: (lease.fence, lease.worker) for job_id, lease in leases.items() if lease} == owned
        assert self.book.n_running == len(owned)

    @invariant()
    def a_job_waits_in_line_if_and_only_if_it_is_queued(self):
        queued = {row.id for row in self.rows.values() if row.state is JobState.QUEUED}
        self.offered &= queued
        assert {job_id for job_id in self.rows if self.book.is_queued(job_id)} == queued - self.offered
        assert self.book.n_queued == len(queued)

    @invariant()
    def at_most_one_job_runs_under_a_concurrency_key(self):
        running = Counter(
            (row.tenant, row.spec.concurrency_key)
            for row in self.rows.values()
            if row.spec.concurrency_key is not None and row.state in OWNED
        )
        assert all(n == 1 for n in running.values())

    @invariant()
    def g3_what_waits_for_a_time_has_a_timer(self):
        for row in self.rows.values():
            kind = TIMER_OF.get(row.state)
            assert kind is None or (row.id, kind) in self.book.timers
            if row.state is JobState.QUEUED and row.attempt is None and row.spec.queue_deadline:
                assert (row.id, "queue_deadline") in self.book.timers
            if row.state is JobState.WAITING:
                assert row in self.book.waiting_on(row.spec.waits_on[0])

    @invariant()
    def no_checkpoint_of_a_running_job_is_forgotten(self):
        for row in self.rows.values():
            if row.state in OWNED:
                assert dict(self.book.partitions(row.id).done) == self.checkpoints[row.id]

    def teardown(self):
        """G3: with one honest worker every job ends."""
        self.loses_next_commit = False
        for _ in range(40):
            self.put_offers_back()
            while (found := self.claim("honest"))[0] != "none":
                self.succeed(found)
            self.now += 5000.0
            self.mono += 5000.0
            self.tick()
            self.g8_rows_are_the_fold_of_events_without_gaps()
            if not len(self.book):
                break
        assert [(row.id, row.state) for row in self.rows.values() if not row.is_terminal] == []
        self.g6_an_ended_job_never_changes()
        self.g7_a_confirmed_cancel_is_never_a_success()


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=False)
