import doctest
import math

import pytest

from prismlane.engine.reports import text


def test_the_examples_in_docstrings_are_true():
    assert doctest.testmod(text).failed == 0
    assert doctest.testmod(text).attempted >= 6


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (336776, "336,776"),
        (336776.0, "336,776"),
        (0, "0"),
        (-0.0, "0"),
        (-12.5, "−12.5"),
        (6984.125, "6,984"),
        (0.1 + 0.2, "0.3"),
        (99.999, "100"),
        (1.23456e18, "1.235e18"),
        (-1.5e-9, "−1.5e-9"),
        (None, "–"),
        (math.nan, "not a number"),
        (-math.inf, "−∞"),
    ],
)
def test_a_number_is_shown_with_what_it_is_worth(value, shown):
    assert text.format_number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0%"), (0.000001, "< 0.01%"), (0.5, "50%"), (-0.081, "−8.1%"), (1.25, "125%"), (math.nan, "–")],
)
def test_a_share_is_shown_as_percent(share, shown):
    assert text.format_share(share) == shown


def test_a_value_is_shown_in_the_unit_of_its_name():
    assert text.format_field("null_share", 0.25) == "25%"
    assert text.format_field("share", 0.25) == "25%"
    assert text.format_field("n_bytes", 2_500_000) == "2.5 MB"
    assert text.format_field("elapsed_s", 90) == "1 min 30 s"
    assert text.format_field("wait_ms", 1500) == "1.5 s"
    assert text.format_field("n_rows", 1500) == "1,500"
    assert text.format_field("null_share", "none") == "none"
    assert text.format_field("is_sorted", True) == "yes"


def test_headings_are_made_of_field_names_and_other_names_stay():
    assert text.heading_of("null_share") == "Null share"
    assert text.heading_of("n_rows") == "Rows"
    assert text.heading_of("elapsed_s") == "Elapsed"
    assert text.heading_of("n_bytes") == "Size"
    assert text.heading_of("r") == "r"
    assert text.heading_of("p95") == "p95"
    assert text.heading_of("Größe (cm)") == "Größe (cm)"


def test_a_long_text_keeps_both_ends():
    cut = text.shortened("a" * 500 + "tail", 40)
    assert len(cut) == 40
    assert cut.startswith("aaa")
    assert cut.endswith("tail")
    assert text.shortened("short", 40) == "short"


def test_characters_that_hide_or_turn_text_become_code_points():
    assert text.visible("a\u202eb\x00c\ud800") == "a⟨U+202E⟩b⟨U+0000⟩c⟨U+D800⟩"
    assert text.visible("שלום 🎉 café\n") == "שלום 🎉 café\n"


def test_times_far_outside_the_calendar_are_still_shown():
    assert text.format_time_ms(1e18) == "1e18 ms"
    assert text.format_time_ms(-86_400_000) == "1969-12-31"
    assert text.format_time_ms(1357016445000) == "2013-01-01 05:00:45"
