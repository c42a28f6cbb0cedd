"""A priority queue whose items can be taken out or moved by name."""

import heapq
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

IdT = TypeVar("IdT", bound=Hashable)

#: Below this many dead places a heap is not worth rebuilding.
_MIN_DEAD = 64


class IdHeap(Generic[IdT]):
    """Items by id, the least order first; equal orders in the order of their pushes.

    `push`, `pop` and `discard` are O(log n), amortised: what is taken out by name leaves a dead place behind, and the
    heap is rebuilt when more than half of its places are dead.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Any, int, IdT]] = []
        #: The push that placed each item; any other place of the same id is dead.
        self._pushes: dict[IdT, int] = {}
        self._n_pushes = 0

    def __len__(self) -> int:
        return len(self._pushes)

    def __contains__(self, id_: IdT) -> bool:
        return id_ in self._pushes

    def push(self, id_: IdT, order: Any) -> None:
        """Put `id_` at `order` (any value that compares with the others), wherever it was before."""
        self._n_pushes += 1
        self._pushes[id_] = self._n_pushes
        heapq.heappush(self._heap, (order, self._n_pushes, id_))
        self._sweep()

    def discard(self, id_: IdT) -> None:
        """Take `id_` out, if it is there."""
        if self._pushes.pop(id_, None) is not None:
            self._sweep()

    def first(self) -> tuple[IdT, Any] | None:
        """The item with the least order and that order, left where it is; None where there is none."""
        while self._heap:
            order, push, id_ = self._heap[0]
            if self._pushes.get(id_) == push:
                return id_, order
            heapq.heappop(self._heap)
        return None

    def pop(self) -> tuple[IdT, Any] | None:
        """Take the item with the least order out; None where there is none."""
        found = self.first()
        if found is not None:
            heapq.heappop(self._heap)
            del self._pushes[found[0]]
        return found

    def _sweep(self) -> None:
        if len(self._heap) > 2 * len(self._pushes) + _MIN_DEAD:
            self._heap = [place for place in self._heap if self._pushes.get(place[2]) == place[1]]
            heapq.heapify(self._heap)
