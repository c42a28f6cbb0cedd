"""What the documentation repeats from the code is what the code says."""

import runpy
from pathlib import Path

import pytest

from prismlane.common.errors import ERRORS_BY_CODE
from prismlane.engine.jobs.transitions import TRANSITIONS

ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
PAGES: dict[Path, str] = GENERATE["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_is_as_generated(path):
    assert path.read_text(encoding="utf-8") == PAGES[path], "run: make docs"


def test_every_part_is_used_somewhere():
    text = "".join(PAGES.values())

    unused = [name for name in GENERATE["PARTS"] if f"<!-- generated: {name}" not in text]

    assert unused == []


def test_every_move_of_the_table_is_in_the_diagram():
    diagram = (ROOT / "docs" / "explanation" / "job-life.md").read_text(encoding="utf-8")

    for (source, event), target in TRANSITIONS.items():
        arrows = [line for line in diagram.splitlines() if line.startswith(f"    {source} --> {target} : ")]
        assert len(arrows) == 1
        assert event.type in arrows[0].partition(" : ")[2].split(", ")


def test_every_error_code_is_in_the_reference():
    reference = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")

    undocumented = [
        code
        for code, error in ERRORS_BY_CODE.items()
        if f"| `{code}` |" not in reference and f"`{error.__name__}`" not in reference
    ]

    assert undocumented == ["error"]  # the root, which is never raised by itself


def test_part_with_changed_text_is_written_anew():
    page = "before\n<!-- generated: cancel-body -->\nstale\n<!-- end of generated -->\nafter\n"

    written = GENERATE["_PART"].sub(GENERATE["_generated"], page)

    assert "stale" not in written
    assert "`grace_s`" in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
