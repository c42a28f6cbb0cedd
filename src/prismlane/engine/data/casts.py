"""From text to a type without loss: for each type, what a text becomes and which texts it holds in full.

DuckDB's own casts are generous: `1.5` becomes the BIGINT 2, `007` becomes 7, and a TIMESTAMP drops `+02:00`. A cast here has a
test beside it, and a text that fails the test is never cast.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prismlane.common.errors import InvalidRequestError
from prismlane.engine.data.sql import literal

_DAY = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?"
_CLOCK_NS = r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_ZONE = r"\s*([Zz]|[+-]\d{2}(:?\d{2})?)"

#: What a type can be widened to when a later text does not fit it, nearest first; VARCHAR holds everything.
WIDER: Final[Mapping[str, tuple[str, ...]]] = {
    "BIGINT": ("DOUBLE", "VARCHAR"),
    "DATE": ("TIMESTAMP", "TIMESTAMP_NS", "VARCHAR"),
    "TIMESTAMP": ("TIMESTAMP_NS", "VARCHAR"),
}
#: Types tried for a column of which the sample held no value, strictest first.
INFERRED: Final = (
    "BIGINT",
    "DOUBLE",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE",
    "TIME",
    "VARCHAR",
)

_ALIASES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("TEXT", "STRING", "CHAR"), "VARCHAR"),
    **dict.fromkeys(("INT", "INT4", "SIGNED"), "INTEGER"),
    **dict.fromkeys(("INT8", "LONG"), "BIGINT"),
    **dict.fromkeys(("FLOAT8", "DOUBLE PRECISION"), "DOUBLE"),
    **dict.fromkeys(("FLOAT4", "REAL"), "FLOAT"),
    **dict.fromkeys(("BOOL", "LOGICAL"), "BOOLEAN"),
    "DATETIME": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "NUMERIC": "DECIMAL",
}
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_ASKABLE = (*_INTEGERS, "FLOAT", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NS")
_DECIMAL = re.compile(r"DECIMAL ?\( ?(\d{1,2}) ?, ?(\d{1,2}) ?\)")


@dataclass(frozen=True, slots=True)
class Cast:
    """SQL templates over `{c}`, a column of text: its value as `type`, and whether nothing is lost by that."""

    type: str
    value: str
    fits: str

    def value_of(self, column: str) -> str:
        """The value of the SQL expression `column`; NULL where it does not fit."""
        return self.value.replace("{c}", column)

    def holds(self, column: str) -> str:
        """Whether `column` fits: true or false for a text, NULL or false for NULL."""
        return self.fits.replace("{c}", column)


#: Text as it stands.
TEXT: Final = Cast("VARCHAR", "{c}", "true")


def _try(type_: str) -> str:
    return f"try_cast({{c}} AS {type_})"


def _matching(type_: str, pattern: str) -> Cast:
    fits = f"{_try(type_)} IS NOT NULL AND regexp_full_match({{c}}, ' *({pattern}) *')"
    return Cast(type_, _try(type_), fits)


# What comes back as it was written has lost nothing. Few texts need to be trimmed, and trimming is what costs.
_BIGINT_FITS: Final = f"""CASE
    WHEN {_try("BIGINT")}::VARCHAR = {{c}} THEN true
    ELSE {_try("BIGINT")}::VARCHAR = trim({{c}}) END"""
# The first two branches are the fast way for nearly all numbers; the others are the traps.
_DOUBLE_FITS: Final = f"""CASE
    WHEN {_try("DOUBLE")} IS NULL OR contains({{c}}, '_') THEN false
    WHEN length({{c}}) <= 15 AND isfinite({_try("DOUBLE")})
        AND (({{c}} >= '1' AND {{c}} < ':') OR ({{c}} >= '0.' AND {{c}} < '0/')) THEN true
    WHEN ltrim({{c}}, ' +-') >= '00' AND ltrim({{c}}, ' +-') < '0:' THEN false
    WHEN isinf({_try("DOUBLE")}) THEN lower({{c}}) LIKE '%inf%'
    WHEN length({{c}}) > 15 AND regexp_full_match(trim({{c}}), '[+-]?\\d+')
        THEN try_cast({_try("DOUBLE")} AS HUGEINT)::VARCHAR = ltrim(trim({{c}}), '+')
    ELSE true END"""

_LOSSLESS: Final[Mapping[str, Cast]] = {
    "VARCHAR": TEXT,
    "BIGINT": Cast("BIGINT", _try("BIGINT"), _BIGINT_FITS),
    "DOUBLE": Cast("DOUBLE", _try("DOUBLE"), _DOUBLE_FITS),
    "BOOLEAN": Cast("BOOLEAN", _try("BOOLEAN"), f"{_try('BOOLEAN')} IS NOT NULL"),
    "DATE": _matching("DATE", _DAY),
    "TIME": _matching("TIME", _CLOCK),
    "TIMESTAMP": _matching("TIMESTAMP", rf"{_DAY}([ T]{_CLOCK})?"),
    "TIMESTAMP_NS": _matching("TIMESTAMP_NS", rf"{_DAY}([ T]{_CLOCK_NS})?"),
    "TIMESTAMP WITH TIME ZONE": _matching("TIMESTAMP WITH TIME ZONE", rf"{_DAY}[ T]{_CLOCK}{_ZONE}"),
}


def lossless(type_: str, *, date_format: str = "", timestamp_format: str = "") -> Cast | None:
    """The cast to a type that was found out, or None where texts of that type are better kept as text.

    `date_format` and `timestamp_format` are strptime formats for what is not ISO 8601.
    """
    if type_ == "DATE" and date_format:
        return _formatted(type_, date_format)
    if type_ in {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"} and timestamp_format:
        return _formatted(type_, timestamp_format)
    return _LOSSLESS.get(type_)


def as_asked(type_: str) -> Cast:
    """The cast to a type that a user asked for: what the user wants may be lost (leading zeros), a value may not.

    Raises:
        InvalidRequestError: there is no such type, or not for columns of a file.
    """
    name = " ".join(type_.upper().split())
    name = _ALIASES.get(name, name)
    if name in _INTEGERS:
        return _matching(name, r"[+-]?\d+")
    if name in {"FLOAT", "DOUBLE"}:
        return Cast(name, _try(name), f"{_try(name)} IS NOT NULL")
    if found := _DECIMAL.fullmatch(name.replace("NUMERIC", "DECIMAL")):
        return _decimal(int(found[1]), int(found[2]))
    if name in _LOSSLESS:
        return _LOSSLESS[name]
    raise InvalidRequestError(
        f"{type_!r} is not a type that a column can be read as.",
        hint=f"Use one of {', '.join(_ASKABLE)}, TIMESTAMPTZ or DECIMAL(precision, scale).",
        facts={"type": type_},
    )


def _formatted(type_: str, format_: str) -> Cast:
    parsed = f"try_strptime({{c}}, {literal(format_)})"
    return Cast(type_, f"{parsed}::{type_}", f"{parsed} IS NOT NULL")


def _decimal(precision: int, scale: int) -> Cast:
    if not (1 <= precision <= 38 and scale <= precision):
        raise InvalidRequestError(
            f"DECIMAL({precision},{scale}) is no type.",
            hint="The precision is 1 to 38, the scale at most the precision.",
        )
    type_ = f"DECIMAL({precision},{scale})"
    plain = rf"[+-]?(\d*\.\d{{0,{scale}}}0*|\d+)"
    return _matching(type_, plain)
