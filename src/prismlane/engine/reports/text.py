"""Values as people read them: numbers, shares, sizes, durations and times, the same in findings and in reports."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

MISSING: Final = "–"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Characters that a page or a terminal does not show, or that turn the text around them: controls, bidi marks, surrogates.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)


def format_number(value: float | None, *, digits: int = 4) -> str:
    """`value` with thousands separated: whole numbers in full, others to `digits` significant digits.

    >>> format_number(336776), format_number(12.63907), format_number(0.0000125)
    ('336,776', '12.64', '1.25e-5')
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "not a number")
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        return _scientific(value, digits)
    if value == int(value):
        return _signed(f"{int(value):,}")
    n_decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{n_decimals}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def format_share(share: float | None) -> str:
    """A share of 1 as percent: three significant digits, never rounded to 0% or 100% when it is neither.

    >>> format_share(0.0245), format_share(0.99999), format_share(1.0)
    ('2.45%', '> 99.9%', '100%')
    """
    if share is None or not math.isfinite(share):
        return MISSING
    if 0.999 < share < 1:
        return "> 99.9%"
    if 0 < share < 0.0001:
        return "< 0.01%"
    return f"{format_number(share * 100, digits=3)}%"


def format_bytes(n_bytes: float | None) -> str:
    """A size in decimal units.

    >>> format_bytes(203_000_000), format_bytes(512)
    ('203 MB', '512 B')
    """
    if n_bytes is None:
        return MISSING
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(n_bytes) >= size:
            return f"{format_number(n_bytes / size, digits=3)} {unit}"
    return f"{format_number(n_bytes)} B"


def format_duration(seconds: float | None) -> str:
    """A duration in the two largest units that it has.

    >>> format_duration(0.35), format_duration(2.414), format_duration(200), format_duration(7500)
    ('350 ms', '2.41 s', '3 min 20 s', '2 h 5 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if abs(seconds) < 1:
        return f"{format_number(seconds * 1000, digits=3)} ms"
    if abs(seconds) < 60:
        return f"{format_number(seconds, digits=3)} s"
    whole = round(seconds)
    for (unit, size), (small, small_size) in ((_DAY, _HOUR), (_HOUR, _MINUTE), (_MINUTE, _SECOND)):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    return MISSING


_DAY: Final = ("d", 86_400)
_HOUR: Final = ("h", 3_600)
_MINUTE: Final = ("min", 60)
_SECOND: Final = ("s", 1)


def format_time_ms(epoch_ms: float | None) -> str:
    """A time in UTC without the parts that are zero.

    >>> format_time_ms(1356998400000), format_time_ms(1357016400000)
    ('2013-01-01', '2013-01-01 05:00')
    """
    if epoch_ms is None or not math.isfinite(epoch_ms):
        return MISSING
    try:
        at = _EPOCH + timedelta(milliseconds=epoch_ms)
    except OverflowError:
        return f"{format_number(epoch_ms)} ms"
    if (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0):
        return at.date().isoformat()
    seconds = "seconds" if at.second or at.microsecond else "minutes"
    return at.replace(tzinfo=None, microsecond=0).isoformat(" ", timespec=seconds)


def format_value(value: Any) -> str:
    """Any value of a result as text."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return format_number(value)
    return str(value)


def format_field(name: str, value: Any) -> str:
    """`value` in the unit that its name ends with: `_share`, `_bytes`, `_s`, `_ms`; as it is otherwise."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for ending, formatted in _FORMAT_BY_ENDING.items():
            if name == ending[1:] or name.endswith(ending):
                return formatted(value)
    return format_value(value)


_FORMAT_BY_ENDING: Final[dict[str, Callable[[float], str]]] = {
    "_share": format_share,
    "_bytes": format_bytes,
    "_s": format_duration,
    "_ms": lambda value: format_duration(value / 1000),
}


def heading_of(name: str) -> str:
    """A field's name as a heading, without the unit that its values show: `null_share` becomes `Null share`.

    A name that is no field name (it has capitals, spaces or signs) and one that is no word (`p95`, `sd`) stay as they are.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]+", name) or not re.search("[aeiouy]", name):
        return name
    words = re.sub(r"_(bytes|s|ms)$", "", name.removeprefix("n_")).replace("_", " ")
    words = "size" if words == "bytes" else words
    return words[:1].upper() + words[1:]


def counted(n: int, one: str, many: str = "") -> str:
    """A number and its noun.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "analysis", "analyses")
    ('1 row', '1,200 rows', '2 analyses')
    """
    return f"{format_number(n)} {one if n == 1 else many or one + 's'}"


def shortened(text: str, n_max: int) -> str:
    """`text` with its middle left out where it is longer than `n_max` characters, so that both ends can be told."""
    if len(text) <= n_max:
        return text
    n_tail = n_max // 4
    return f"{text[: n_max - n_tail - 1]}…{text[len(text) - n_tail :]}"


def visible(text: str) -> str:
    """`text` with each character that hides or turns text written as its code point, e.g. `⟨U+202E⟩`."""
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return _signed(f"{mantissa}e{int(exponent)}")


def _signed(text: str) -> str:
    """A true minus sign in front of a negative number, and none in front of a zero."""
    if not text.startswith("-"):
        return text
    return text[1:] if not re.search("[1-9]", text) else f"−{text[1:]}"
