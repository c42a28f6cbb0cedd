"""What a command prints on stdout: a table for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from prismlane.cli.messages import console
from prismlane.cli.terminal import stdout
from prismlane.cli.text import cell, printable

#: Title of a column -> what it shows of an item.
Columns = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Output:
    """Where data go.

    Args:
        format: `table`, `json` or `ndjson`.
        color: `auto`, `always` or `never`.
    """

    format: str = "table"
    color: str = "auto"

    @property
    def is_table(self) -> bool:
        """Whether a person reads it."""
        return self.format == "table"

    def text(self, text: str) -> None:
        """Print `text`, made fit for a terminal."""
        stdout().write(printable(text) + "\n")
        stdout().flush()

    def raw(self, content: str) -> None:
        """Print `content` as it is, e.g. a page of HTML for a file."""
        stdout().write(content)
        stdout().flush()

    def items(self, items: Iterable[Any], columns: Columns) -> None:
        """Print a list: a row, or a JSON value, for each item."""
        match self.format:
            case "ndjson":
                for item in items:
                    self.raw(json.dumps(plain(item), ensure_ascii=False) + "\n")
            case "json":
                self.raw(json.dumps([plain(item) for item in items], ensure_ascii=False, indent=2) + "\n")
            case _:
                self.table(list(columns), [[show(item) for show in columns.values()] for item in items])

    def item(self, item: Any, fields: Columns) -> None:
        """Print one item: its fields one below the other, or a JSON value."""
        if self.is_table:
            self.table(
                ["", ""], [[title, show(item)] for title, show in fields.items() if show(item) is not None]
            )
        else:
            self.json(item)

    def json(self, value: Any) -> None:
        """Print one JSON value, whatever the format."""
        indent = None if self.format == "ndjson" else 2
        self.raw(json.dumps(plain(value), ensure_ascii=False, indent=indent) + "\n")

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print `rows` in columns that line up; nothing is cut off."""
        lines = [[cell(value) for value in row] for row in rows]
        widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(titles))]
        widths = [max(width, len(title)) for width, title in zip(widths, titles, strict=True)]
        out = console(stdout(), self.color)
        if any(titles):
            out.print(_aligned(titles, widths), style="bold")
        for line in lines:
            out.print(_aligned(line, widths))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(each.ljust(width) for each, width in zip(cells, widths, strict=True)).rstrip()


def plain(value: Any) -> Any:
    """`value` as JSON knows it."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
