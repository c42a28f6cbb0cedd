"""How names and texts are written into SQL."""

from collections.abc import Sequence


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """`texts` as an SQL list of strings."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"
