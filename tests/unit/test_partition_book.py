import pytest

from prismlane.engine.jobs.partitions import MERGED, PartitionBook


def compute(book, worker="w", n=100):
    for number in book.take(worker, n):
        assert book.finish(worker, book.current_pass, number, f"{book.current_pass}/{number}")


def test_partitions_are_given_out_lowest_first_and_once():
    book = PartitionBook(5, 1, {})
    assert book.take("w", 2) == [0, 1]
    assert book.take("v", 2) == [2, 3]
    assert book.take("w", 9) == [4]
    assert book.take("v", 1) == []
    assert (book.n_open, book.n_done, book.n_total) == (0, 0, 5)


def test_states_come_in_the_order_of_partitions_whoever_was_first():
    book = PartitionBook(3, 1, {})
    book.take("w", 3)
    for number in (2, 0, 1):
        assert book.finish("w", 0, number, f"h{number}")
    assert book.states(0) == ["h0", "h1", "h2"]
    assert book.is_pass_complete


def test_states_so_far_are_there_while_the_pass_runs():
    book = PartitionBook(3, 1, {})
    book.take("w", 3)
    book.finish("w", 0, 2, "h2")
    assert book.states(0) == ["h2"]
    assert not book.is_pass_complete


def test_what_a_lost_worker_had_is_given_out_again_and_what_it_finished_stays():
    book = PartitionBook(4, 1, {})
    book.take("w", 3)
    book.take("v", 1)
    book.finish("w", 0, 1, "h1")
    book.give_back("w")
    assert (book.n_open, book.n_done) == (2, 1)
    assert book.take("v", 9) == [0, 2]


@pytest.mark.parametrize(
    ("worker", "pass_number", "partition"),
    [("other", 0, 0), ("w", 1, 0), ("w", 0, 1), ("w", 0, 2), ("w", 0, 99), ("w", 0, MERGED)],
)
def test_g5_a_state_from_who_does_not_have_the_partition_is_ignored(worker, pass_number, partition):
    book = PartitionBook(3, 2, {})
    book.take("w", 2)
    book.finish("w", 0, 1, "first")
    assert not book.is_taken(worker, pass_number, partition)
    assert not book.finish(worker, pass_number, partition, "late")
    assert dict(book.done) == {(0, 1): "first"}


def test_g5_a_worker_that_comes_back_after_its_partition_went_to_another_is_ignored():
    book = PartitionBook(1, 1, {})
    book.take("w", 1)
    book.give_back("w")
    book.take("v", 1)
    assert not book.finish("w", 0, 0, "late")
    assert book.finish("v", 0, 0, "right")
    assert book.states(0) == ["right"]


def test_the_next_pass_opens_with_the_merged_state_and_counts_go_on():
    book = PartitionBook(2, 3, {})
    compute(book)
    book.open_next_pass("m0")
    assert (book.current_pass, book.merged, book.n_done, book.n_total) == (1, ["m0"], 2, 6)
    compute(book)
    book.open_next_pass("m1")
    compute(book)
    assert (book.current_pass, book.merged, book.n_done) == (2, ["m0", "m1"], 6)
    assert book.is_pass_complete


def test_a_pass_is_not_left_before_it_is_complete_and_the_last_one_never():
    book = PartitionBook(2, 2, {})
    book.take("w", 2)
    book.finish("w", 0, 0, "h")
    with pytest.raises(ValueError, match="not complete"):
        book.open_next_pass("m")
    book.finish("w", 0, 1, "h")
    book.open_next_pass("m")
    compute(book)
    with pytest.raises(ValueError, match="last"):
        book.open_next_pass("m")


def run_to_end(book):
    while True:
        compute(book, n=1)
        if book.is_pass_complete:
            if book.current_pass == book.n_passes - 1:
                return
            book.open_next_pass(f"m{book.current_pass}")


@pytest.mark.parametrize("n_steps", range(9))
def test_a_crash_after_any_step_goes_on_exactly_where_it_stood(n_steps):
    # 3 partitions and a merge, 3 partitions and a merge: stop after each of the first steps.
    undisturbed = PartitionBook(3, 3, {})
    run_to_end(undisturbed)
    book = PartitionBook(3, 3, {})
    for _ in range(n_steps):
        if book.is_pass_complete:
            book.open_next_pass(f"m{book.current_pass}")
        else:
            compute(book, n=1)
    book.take("w", 1)
    resumed = PartitionBook(3, 3, dict(book.done))
    assert (resumed.current_pass, resumed.merged, dict(resumed.done)) == (
        book.current_pass,
        book.merged,
        book.done,
    )
    assert resumed.n_open == 3 - len(book.states(book.current_pass))
    run_to_end(resumed)
    assert dict(resumed.done) == undisturbed.done


def test_between_the_last_partition_and_the_merge_a_resumed_job_only_merges():
    book = PartitionBook(2, 2, {(0, 0): "a", (0, 1): "b"})
    assert book.take("w", 1) == []
    assert book.is_pass_complete
    assert (book.current_pass, book.n_done) == (0, 2)


@pytest.mark.parametrize("place", [(0, 2), (1, 0), (-1, 0), (0, -2)])
def test_a_checkpoint_of_another_plan_is_refused(place):
    with pytest.raises(ValueError, match="no partition"):
        PartitionBook(2, 1, {place: "h"})


def test_a_merged_state_of_the_last_pass_opens_no_pass_beyond_it():
    book = PartitionBook(1, 2, {(0, 0): "a", (0, MERGED): "m", (1, 0): "b", (1, MERGED): "n"})
    assert (book.current_pass, book.merged, book.n_done, book.n_total) == (1, ["m"], 2, 2)
    assert book.is_pass_complete
