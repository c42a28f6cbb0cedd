import pytest

from prismlane.testing import FakeClock


def test_time_passes_on_both_clocks():
    clock = FakeClock(now=1000.0)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (1001.5, 1.5)


def test_jump_of_the_wall_clock_lets_no_time_pass():
    clock = FakeClock(now=1000.0)
    clock.jump_wall(-600)
    assert (clock.now(), clock.monotonic()) == (400.0, 0.0)


def test_time_does_not_pass_backwards():
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(-1)
