"""The partitions of one running job: which are open, who computes which, and what is done."""

import heapq
from collections.abc import Mapping
from typing import Final

#: Number that the merged state of a pass has among the partitions of that pass.
MERGED: Final = -1


class PartitionBook:
    """Where a job stands in its passes over the partitions of its dataset.

    A pass is complete when each of its partitions has a state. Its states are then merged, and the hash of the merged
    state opens the next pass; the last pass is not followed by another, its merged state becomes the result.

    Args:
        n_partitions: partitions of each pass, numbered from 0.
        n_passes: passes, numbered from 0.
        done: hash of the state of each (pass, partition) that an earlier attempt computed; partition `MERGED` is what
            the pass handed on to the next.

    Raises:
        ValueError: `done` names a pass or a partition that the job does not have.
    """

    def __init__(self, n_partitions: int, n_passes: int, done: Mapping[tuple[int, int], str]) -> None:
        self.n_partitions = n_partitions
        self.n_passes = n_passes
        for pass_number, partition in done:
            if not (0 <= pass_number < n_passes and MERGED <= partition < n_partitions):
                raise ValueError(f"there is no partition {partition} of pass {pass_number}")
        self._done = dict(done)
        self._pass = 0
        while self._pass < n_passes - 1 and (self._pass, MERGED) in self._done:
            self._pass += 1
        self._taken: dict[int, str] = {}
        self._open: list[int] = []
        self._open_pass()

    @property
    def current_pass(self) -> int:
        """Number of the pass whose partitions are given out."""
        return self._pass

    @property
    def done(self) -> Mapping[tuple[int, int], str]:
        """All hashes so far, in the form that a later attempt resumes from."""
        return self._done

    @property
    def n_open(self) -> int:
        """Partitions of the current pass that nobody has taken."""
        return len(self._open)

    @property
    def n_done(self) -> int:
        """Partitions computed, over all passes; those of a merged pass all count."""
        finished = self._pass * self.n_partitions
        return finished + self.n_partitions - len(self._open) - len(self._taken)

    @property
    def n_total(self) -> int:
        """Partitions to compute, over all passes."""
        return self.n_partitions * self.n_passes

    @property
    def is_pass_complete(self) -> bool:
        """Whether each partition of the current pass has a state."""
        return not self._open and not self._taken

    @property
    def merged(self) -> list[str]:
        """Hashes of the merged states of the passes before the current one, in order."""
        return [self._done[number, MERGED] for number in range(self._pass)]

    def states(self, pass_number: int) -> list[str]:
        """Hashes of the states of a pass so far, in the order of the partitions."""
        hashes = (self._done.get((pass_number, number)) for number in range(self.n_partitions))
        return [found for found in hashes if found is not None]

    def take(self, worker: str, n: int) -> list[int]:
        """Give up to `n` open partitions of the current pass to `worker`, the lowest numbers first."""
        numbers = [heapq.heappop(self._open) for _ in range(min(n, len(self._open)))]
        self._taken.update(dict.fromkeys(numbers, worker))
        return numbers

    def is_taken(self, worker: str, pass_number: int, partition: int) -> bool:
        """Whether `worker` has this partition, so that `finish` would take its state."""
        return pass_number == self._pass and self._taken.get(partition) == worker

    def finish(self, worker: str, pass_number: int, partition: int, state_hash: str) -> bool:
        """Note the state of a partition; False, and nothing changes, where `worker` does not have it (any more)."""
        if not self.is_taken(worker, pass_number, partition):
            return False
        del self._taken[partition]
        self._done[pass_number, partition] = state_hash
        return True

    def give_back(self, worker: str) -> None:
        """Open the partitions again that `worker` has taken and not finished."""
        for number in [number for number, taker in self._taken.items() if taker == worker]:
            del self._taken[number]
            heapq.heappush(self._open, number)

    def open_next_pass(self, merged_hash: str) -> None:
        """Hand the merged state of the current pass on, and give out the partitions of the next.

        Raises:
            ValueError: the current pass is not complete, or it is the last one.
        """
        if not self.is_pass_complete:
            raise ValueError(f"pass {self._pass} is not complete")
        if self._pass == self.n_passes - 1:
            raise ValueError(f"pass {self._pass} is the last one")
        self._done[self._pass, MERGED] = merged_hash
        self._pass += 1
        self._open_pass()

    def _open_pass(self) -> None:
        self._open = [number for number in range(self.n_partitions) if (self._pass, number) not in self._done]
