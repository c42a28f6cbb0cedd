from prismlane.engine.jobs.timers import KINDS, Timers


def test_a_timer_fires_once_when_it_is_due():
    timers = Timers()
    timers.set("x", "due", 10.0)
    assert timers.pop_due(9.9) == []
    assert timers.pop_due(10.0) == [("x", "due")]
    assert timers.pop_due(11.0) == []


def test_timers_fire_in_order_of_their_times():
    timers = Timers()
    for job_id, due in [("late", 3.0), ("early", 1.0), ("middle", 2.0)]:
        timers.set(job_id, "retry", due)
    assert timers.next_due() == 1.0
    assert [job_id for job_id, _ in timers.pop_due(2.5)] == ["early", "middle"]
    assert timers.next_due() == 3.0


def test_a_later_set_replaces_the_time_whether_sooner_or_later():
    timers = Timers()
    for due, instead in [(10.0, 20.0), (20.0, 5.0)]:
        timers.set("x", "cancel_grace", due)
        timers.set("x", "cancel_grace", instead)
        assert len(timers) == 1
        assert timers.next_due() == instead
    assert timers.pop_due(30.0) == [("x", "cancel_grace")]


def test_timers_of_other_kinds_and_jobs_are_kept_apart():
    timers = Timers()
    timers.set("x", "due", 1.0)
    timers.set("x", "queue_deadline", 2.0)
    timers.set("y", "due", 3.0)
    assert timers.pop_due(9.0) == [("x", "due"), ("x", "queue_deadline"), ("y", "due")]


def test_dropping_a_job_drops_all_its_timers_and_no_others():
    timers = Timers()
    for kind in KINDS:
        timers.set("x", kind, 1.0)
    timers.set("y", "due", 1.0)
    timers.drop("x")
    timers.drop("unknown")
    assert ("x", "due") not in timers
    assert timers.pop_due(9.0) == [("y", "due")]


def test_without_timers_nothing_is_due():
    assert Timers().next_due() is None
    assert Timers().pop_due(1e9) == []
