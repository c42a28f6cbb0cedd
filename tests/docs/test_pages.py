"""Links lead somewhere, names exist, code is code: in every page."""

import ast
import json
import pkgutil
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").rglob("*.md")])
PAGE = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAME = re.compile(r"`(prismlane(?:\.\w+)+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(path: Path) -> str:
    return BLOCK.sub("", COMMENT.sub("", path.read_text(encoding="utf-8")))


def blocks(path: Path, language: str) -> list[str]:
    return [code for name, code in BLOCK.findall(path.read_text(encoding="utf-8")) if name == language]


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(prose(path))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pages_are_found():
    assert ROOT / "README.md" in PAGES
    assert ROOT / "docs" / "explanation" / "architecture.md" in PAGES


@PAGE
def test_relative_links_lead_somewhere(path):
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = unquote(link).partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{link}: there is no {file}"
        if anchor:
            assert anchor in anchors(file), f"{link}: {file.name} has no such heading"


@PAGE
def test_names_in_the_text_exist(path):
    for name in NAME.findall(prose(path)):
        pkgutil.resolve_name(name)


@PAGE
def test_code_can_be_read(path):
    for code in blocks(path, "python"):
        ast.parse(code)
    for code in blocks(path, "json"):
        json.loads(code)
    for code in blocks(path, "toml"):
        tomllib.loads(code)


@PAGE
def test_code_says_its_language(path):
    unnamed = [code for name, code in BLOCK.findall(path.read_text(encoding="utf-8")) if not name]

    assert unnamed == []


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(prose(index))}

    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - linked == {index}
