import pytest

from prismlane.cli.findings import findings_text
from prismlane.common.wire import Exactness, Finding, Result


@pytest.fixture
def result():
    long = "A sentence that tells of something in the data " * 2
    found = Finding(text=long.strip(), severity="warning", score=1, action="Do something about it, and soon.")
    return Result.model_construct(title="What?", findings=[found], warnings=[], exactness=Exactness())


def test_on_a_narrow_terminal_lines_are_broken_between_words_and_stay_aligned(result):
    lines = findings_text(result, 50).splitlines()
    assert max(map(len, lines)) <= 50
    assert all(line.startswith(" " * 14) for line in lines[3:])
    assert " ".join(" ".join(lines).split()) == " ".join(findings_text(result).split())


@pytest.mark.parametrize("width", [None, 10])
def test_elsewhere_each_sentence_stays_on_one_line(result, width):
    assert len(findings_text(result, width).splitlines()) == 4
