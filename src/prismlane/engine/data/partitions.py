"""How a table is cut into the pieces that are computed, retried and checkpointed one by one."""

from collections.abc import Sequence

from prismlane.engine.data.manifest import Partition

#: Rows of a partition, at most, unless a single row group has more.
MAX_ROWS = 250_000


def partitions_of(row_group_sizes: Sequence[int]) -> tuple[Partition, ...]:
    """The partitions of a table whose row groups have these numbers of rows; none for a table without rows.

    Each holds whole row groups and at most `MAX_ROWS` rows, or one larger row group. It depends on nothing but the sizes, so
    results are merged from the same parts on every machine.
    """
    partitions: list[Partition] = []
    first, n_rows = 0, 0
    for index, size in enumerate(row_group_sizes):
        if n_rows and n_rows + size > MAX_ROWS:
            partitions.append(Partition(len(partitions), first, index, n_rows))
            first, n_rows = index, 0
        n_rows += size
    if n_rows:
        partitions.append(Partition(len(partitions), first, len(row_group_sizes), n_rows))
    return tuple(partitions)
