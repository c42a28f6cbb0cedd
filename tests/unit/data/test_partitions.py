import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismlane.engine.data.fingerprint import fingerprint
from prismlane.engine.data.manifest import Column, Partition
from prismlane.engine.data.partitions import MAX_ROWS, partitions_of
from prismlane.engine.data.roles import role_of


def test_a_table_without_rows_has_no_partitions():
    assert partitions_of([]) == ()
    assert partitions_of([0, 0]) == ()


def test_row_groups_are_joined_up_to_the_limit_and_a_larger_one_stands_alone():
    assert partitions_of([100_000, 100_000, 100_000, 900_000, 1]) == (
        Partition(0, 0, 2, 200_000),
        Partition(1, 2, 3, 100_000),
        Partition(2, 3, 4, 900_000),
        Partition(3, 4, 5, 1),
    )


@given(st.lists(st.integers(0, 600_000), max_size=30))
def test_partitions_cover_all_rows_once_and_in_order(sizes):
    partitions = partitions_of(sizes)
    assert sum(partition.n_rows for partition in partitions) == sum(sizes)
    assert [partition.number for partition in partitions] == list(range(len(partitions)))
    end = 0
    for partition in partitions:
        held = sizes[partition.first_row_group : partition.end_row_group]
        assert partition.first_row_group == end
        assert sum(held) == partition.n_rows > 0
        assert partition.n_rows <= MAX_ROWS or sum(size > 0 for size in held) == 1
        end = partition.end_row_group
    assert not sum(sizes[end:])


@pytest.mark.parametrize(
    ("type_", "role"),
    [
        ("BIGINT", "numeric"),
        ("DECIMAL(10,2)", "numeric"),
        ("UTINYINT", "numeric"),
        ("TIMESTAMP WITH TIME ZONE", "temporal"),
        ("TIME", "temporal"),
        ("DATE", "temporal"),
        ("BOOLEAN", "boolean"),
        ("VARCHAR", "categorical"),
        ("ENUM('a', 'b')", "categorical"),
        ("BIGINT[]", "other"),
        ("STRUCT(a BIGINT)", "other"),
        ("MAP(VARCHAR, BIGINT)", "other"),
        ("BLOB", "other"),
        ("INTERVAL", "other"),
    ],
)
def test_each_type_has_its_role(type_, role):
    assert role_of(type_) == role


def test_a_fingerprint_depends_on_content_options_and_columns_but_not_on_the_order_of_options():
    columns = [Column("a", "BIGINT", "numeric")]
    first = fingerprint("0" * 64, {"delimiter": ",", "header": True}, columns)
    assert len(first) == 64
    assert first == fingerprint("0" * 64, {"header": True, "delimiter": ","}, columns)
    others = {
        fingerprint("1" * 64, {"delimiter": ",", "header": True}, columns),
        fingerprint("0" * 64, {"delimiter": ";", "header": True}, columns),
        fingerprint("0" * 64, {"delimiter": ",", "header": True}, [Column("a", "DOUBLE", "numeric")]),
    }
    assert len(others | {first}) == 4
