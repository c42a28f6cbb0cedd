"""Options that every command knows, wherever they stand on the line: `prismlane jobs list --json`."""

import re
from collections.abc import Sequence
from typing import Final

#: Option -> whether a value follows it.
GLOBAL_OPTIONS: Final = {
    "--url": True,
    "--api-key-file": True,
    "--output": True,
    "-o": True,
    "--color": True,
    "--json": False,
    "--quiet": False,
    "--verbose": False,
}
_REPEATED: Final = re.compile(r"-(q+|v+)")


def hoisted(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the global options at the front, where the parser takes them; all else in its order.

    Nothing behind `--` is touched, nor what follows `-P`, which is a value.
    """
    globals_: list[str] = []
    others: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            others += [word, *rest]
            break
        if word in {"-P", "--param"}:
            others += [word, *rest[:1]]
            del rest[:1]
        elif _REPEATED.fullmatch(word):
            globals_.append(word)
        elif word.partition("=")[0] in GLOBAL_OPTIONS:
            takes_next = GLOBAL_OPTIONS[word.partition("=")[0]] and "=" not in word
            globals_ += [word, *(rest[:1] if takes_next else [])]
            del rest[: int(takes_next)]
        else:
            others.append(word)
    return [*globals_, *others]
