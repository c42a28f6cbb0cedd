from collections import Counter, defaultdict
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismlane.engine.jobs.queue import ClaimQueue, QueueEntry

NUMBERS = count()


def entry(job_id, tenant="a", priority=5, created_at=None, key=None):
    return QueueEntry(job_id, tenant, priority, next(NUMBERS) if created_at is None else created_at, key)


def queue_of(*entries, weights=None):
    queue = ClaimQueue(weights)
    for one in entries:
        queue.push(one)
    return queue


def claim_all(queue):
    return list(iter(queue.claim, None))


def test_an_empty_queue_has_nothing_to_claim():
    queue = ClaimQueue()
    assert (len(queue), queue.peek(), queue.claim()) == (0, None, None)


def test_the_oldest_is_first_and_the_id_decides_between_equals():
    queue = queue_of(entry("c", created_at=2.0), entry("b", created_at=1.0), entry("a", created_at=2.0))
    assert claim_all(queue) == ["b", "a", "c"]


def test_a_higher_priority_goes_before_age_and_before_fairness():
    urgent = [entry(f"u{n}", tenant="a", priority=9) for n in range(3)]
    queue = queue_of(entry("old", tenant="b", priority=5, created_at=0.0), *urgent)
    assert claim_all(queue) == ["u0", "u1", "u2", "old"]


def test_what_was_removed_is_not_claimed_and_removing_again_does_nothing():
    queue = queue_of(entry("x"), entry("y"))
    queue.remove("x")
    queue.remove("x")
    assert "x" not in queue
    assert claim_all(queue) == ["y"]


def test_a_job_that_is_pushed_again_is_there_once_and_as_of_the_last_push():
    queue = queue_of(entry("x", priority=9), entry("y"), entry("x", priority=1))
    assert len(queue) == 2
    assert claim_all(queue) == ["y", "x"]


def test_a_job_that_was_removed_can_come_back():
    queue = queue_of(entry("x", created_at=1.0), entry("y", created_at=2.0))
    queue.remove("x")
    queue.push(entry("x", created_at=1.0))
    assert claim_all(queue) == ["x", "y"]


def test_peek_tells_what_claim_takes():
    queue = queue_of(*(entry(f"{t}{n}", tenant=t, priority=n % 3) for t in "abc" for n in range(5)))
    while len(queue):
        assert queue.peek() == queue.claim()


# --- fairness ---------------------------------------------------------------------------------------


def test_g11_a_tenant_with_many_jobs_does_not_hold_up_one_with_few():
    queue = queue_of(*(entry(f"big{n}", tenant="big") for n in range(1000)))
    for _ in range(500):
        queue.claim()
    for n in range(3):
        queue.push(entry(f"small{n}", tenant="small"))
    served = [queue.claim() for _ in range(6)]
    assert sum(job.startswith("small") for job in served) == 3


def test_g11_a_tenant_that_was_idle_gets_no_credit_for_it():
    queue = queue_of(*(entry(f"a{n}", tenant="a") for n in range(200)), entry("b-first", tenant="b"))
    for _ in range(100):
        queue.claim()
    for n in range(50):
        queue.push(entry(f"b{n}", tenant="b"))
    served = Counter(queue.claim()[0] for _ in range(40))
    assert abs(served["a"] - served["b"]) <= 1


def test_g11_a_tenant_that_submits_one_job_at_a_time_does_not_overtake():
    queue = queue_of(*(entry(f"a{n}", tenant="a") for n in range(100)), entry("b0", tenant="b"))
    served = Counter()
    for n in range(60):
        job = queue.claim()
        served[job[0]] += 1
        if job.startswith("b"):
            queue.push(entry(f"b{n + 1}", tenant="b"))
    assert abs(served["a"] - served["b"]) <= 1


def test_g11_shares_follow_the_weights():
    queue = queue_of(
        *(entry(f"{t}{n}", tenant=t) for t in "abc" for n in range(300)), weights={"a": 3.0, "b": 0.5}
    )
    served = Counter(queue.claim()[0] for _ in range(180))
    assert {tenant: round(n / 20) for tenant, n in served.items()} == {"a": 6, "b": 1, "c": 2}


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_a_weight_that_would_starve_its_tenant_is_refused(weight):
    with pytest.raises(ValueError, match="above 0"):
        ClaimQueue({"a": weight})


# --- concurrency keys -------------------------------------------------------------------------------


def test_of_jobs_with_one_key_the_next_comes_when_the_key_is_released():
    queue = queue_of(entry("x", key="k"), entry("y", key="k"), entry("z"))
    assert claim_all(queue) == ["x", "z"]
    assert len(queue) == 1
    queue.release_key("a", "k")
    assert claim_all(queue) == ["y"]


def test_g11_the_same_key_of_another_tenant_is_another_key():
    queue = queue_of(entry("x", tenant="a", key="k"), entry("y", tenant="b", key="k"))
    assert sorted(claim_all(queue)) == ["x", "y"]


def test_a_key_that_is_held_before_its_jobs_come_keeps_them_back():
    queue = ClaimQueue()
    queue.hold_key("a", "k")
    queue.push(entry("x", key="k"))
    assert queue.claim() is None
    assert "x" in queue
    queue.release_key("a", "k")
    assert queue.claim() == "x"


def test_a_key_that_is_held_while_its_job_is_in_line_takes_it_out_of_line():
    queue = queue_of(entry("x", key="k"), entry("y"))
    queue.hold_key("a", "k")
    queue.hold_key("a", "k")
    assert claim_all(queue) == ["y"]


def test_of_jobs_with_one_key_the_most_urgent_is_first():
    queue = queue_of(entry("x", key="k", priority=1), entry("y", key="k", priority=9), entry("z"))
    assert queue.claim() == "y"
    queue.release_key("a", "k")
    assert claim_all(queue) == ["z", "x"]


def test_when_the_first_of_a_key_is_removed_the_next_takes_its_place():
    queue = queue_of(entry("x", key="k"), entry("y", key="k"))
    queue.remove("x")
    assert claim_all(queue) == ["y"]


# --- against a model that scans everything --------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("push"),
            st.integers(0, 12),
            st.sampled_from("abc"),
            st.integers(0, 2),
            st.sampled_from([None, None, "k", "l"]),
        ),
        st.tuples(st.just("remove"), st.integers(0, 12)),
        st.tuples(st.just("claim")),
        st.tuples(
            st.sampled_from(["hold_key", "release_key"]), st.sampled_from("abc"), st.sampled_from("kl")
        ),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=100)
@given(STEPS)
def test_any_sequence_of_operations_claims_what_a_scan_would(steps):
    queue, entries, held = ClaimQueue(), {}, set()
    for at, (operation, *args) in enumerate(steps):
        if operation == "push":
            number, tenant, priority, key = args
            entries[f"j{number}"] = QueueEntry(f"j{number}", tenant, priority, float(at), key)
            queue.push(entries[f"j{number}"])
        elif operation == "remove":
            entries.pop(f"j{args[0]}", None)
            queue.remove(f"j{args[0]}")
        elif operation == "claim":
            claimed = queue.claim()
            in_line = [one for one in entries.values() if one.key not in held]
            if claimed is None:
                assert not in_line
                continue
            taken = entries.pop(claimed)
            highest = max(one.priority for one in in_line)
            of_key_before = defaultdict(list)
            for one in in_line:
                of_key_before[one.key].append((-one.priority, one.created_at))
            peers = [
                one.created_at
                for one in in_line
                if one.priority == highest
                and one.tenant == taken.tenant
                and (one.key is None or (-one.priority, one.created_at) == min(of_key_before[one.key]))
            ]
            assert taken.priority == highest
            assert taken.created_at == min(peers)
            if taken.key is not None:
                held.add(taken.key)
        else:
            getattr(queue, operation)(*args)
            (held.add if operation == "hold_key" else held.discard)(tuple(args))
        assert len(queue) == len(entries)
        assert all(job_id in queue for job_id in entries)


def test_removing_most_of_a_long_queue_leaves_the_order_of_the_rest():
    entries = [entry(f"j{n}", created_at=float(n)) for n in range(2000)]
    queue = queue_of(*entries)
    for one in entries:
        if int(one.created_at) % 20:
            queue.remove(one.job_id)
    assert claim_all(queue) == [f"j{n}" for n in range(0, 2000, 20)]
