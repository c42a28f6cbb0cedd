from prismlane.engine.jobs.leases import Lease, LeaseBook


def book_with(*jobs, worker="w", mono=0.0):
    book = LeaseBook(lease_s=30.0)
    for job_id in jobs:
        book.open(job_id, 1, worker, mono)
    return book


def test_a_lease_that_nobody_renews_expires_after_its_length_and_not_before():
    book = book_with("x")
    assert book.expired(29.9) == []
    assert book.expired(30.0) == [Lease("x", 1, "w", 30.0)]


def test_an_expired_lease_is_told_of_until_it_is_closed():
    book = book_with("x")
    assert len(book.expired(31.0)) == len(book.expired(32.0)) == len(book) == 1
    book.close("x", 1)
    assert book.expired(33.0) == []
    assert len(book) == 0


def test_a_renewed_lease_lives_its_full_length_again():
    book = book_with("x")
    assert book.renew("x", 1, 25.0)
    assert book.expired(54.9) == []
    assert [lease.job_id for lease in book.expired(55.0)] == ["x"]


def test_a_late_renewal_before_the_lease_was_closed_saves_it():
    book = book_with("x")
    assert book.expired(31.0)
    assert book.renew("x", 1, 31.0)
    assert book.expired(60.9) == []


def test_g5_the_heartbeat_of_a_stale_owner_is_refused_and_renews_nothing():
    book = book_with("x")
    book.open("x", 2, "w2", 10.0)
    assert not book.renew("x", 1, 39.0)
    assert not book.renew("unknown", 1, 39.0)
    assert book.expired(40.0) == [Lease("x", 2, "w2", 40.0)]


def test_g5_a_stale_owner_cannot_close_the_lease_of_the_next():
    book = book_with("x")
    book.open("x", 2, "w2", 10.0)
    book.close("x", 1)
    assert book.get("x") == Lease("x", 2, "w2", 40.0)
    assert book.of_worker("w") == []


def test_several_leases_expire_longest_overdue_first():
    book = book_with("x", "y", "z")
    book.renew("x", 1, 5.0)
    book.renew("z", 1, 2.0)
    assert [lease.job_id for lease in book.expired(100.0)] == ["y", "z", "x"]
    assert [lease.job_id for lease in book.expired(32.0)] == ["y", "z"]


def test_the_leases_of_a_worker_are_its_own():
    book = book_with("x", "y")
    book.open("z", 1, "other", 0.0)
    assert [lease.job_id for lease in book.of_worker("w")] == ["x", "y"]
    assert book.of_worker("nobody") == []


def test_after_a_pause_every_lease_gets_its_full_length():
    book = book_with("x", "y")
    book.extend_all(1000.0)
    assert book.expired(1029.9) == []
    assert len(book.expired(1030.0)) == 2


def test_thousands_of_heartbeats_leave_one_lease():
    book = book_with("x")
    for second in range(5000):
        assert book.renew("x", 1, float(second))
    assert book.expired(5028.0) == []
    assert book.expired(5029.0) == [Lease("x", 1, "w", 5029.0)]
