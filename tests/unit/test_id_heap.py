from hypothesis import given, settings
from hypothesis import strategies as st

from prismlane.engine.jobs.heap import IdHeap


def test_an_empty_heap_has_no_first():
    heap = IdHeap()
    assert (len(heap), heap.first(), heap.pop()) == (0, None, None)


def test_equal_orders_come_in_the_order_of_their_pushes():
    heap = IdHeap()
    for id_ in "zxy":
        heap.push(id_, 1.0)
    heap.push("z", 1.0)
    assert [heap.pop()[0] for _ in range(3)] == ["x", "y", "z"]


def test_what_is_moved_or_taken_out_a_thousand_times_leaves_few_dead_places():
    heap = IdHeap()
    for n in range(10_000):
        heap.push("moved", float(n))
        heap.push(n, float(n))
        heap.discard(n)
        assert len(heap._heap) <= 80
    assert heap.pop() == ("moved", 9999.0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["push", "discard", "pop"]), st.integers(0, 9), st.integers(0, 3))))
def test_any_sequence_of_operations_pops_the_least_of_what_is_there(steps):
    heap, there = IdHeap(), {}
    for step, (operation, id_, order) in enumerate(steps):
        if operation == "push":
            heap.push(id_, order)
            there[id_] = (order, step)
        elif operation == "discard":
            heap.discard(id_)
            there.pop(id_, None)
        else:
            least = min(there, key=there.get, default=None)
            assert heap.pop() == (None if least is None else (least, there.pop(least)[0]))
        assert len(heap) == len(there)
        assert all((n in heap) == (n in there) for n in range(10))
