"""A source of text as plain UTF-8."""

from collections.abc import Sequence
from pathlib import Path

from prismlane.common.errors import EmptyDataError, UnreadableDataError
from prismlane.engine.data.conversion import Conversion
from prismlane.engine.data.texts import FALLBACK_ENCODING, TextFacts, line_of_offset, look_over, rewrite_plain


def plain_text(
    conversion: Conversion, wanted: Sequence[bytes] = (), *, unify_newlines: bool
) -> tuple[Path, TextFacts, str]:
    """The source as plain UTF-8 (itself or a copy), what its bytes tell, and the encoding that it came in.

    `wanted` are texts to look for on the way. Where lines end in two ways, `unify_newlines` makes them one.

    Raises:
        EmptyDataError: it holds nothing but white space.
        UnreadableDataError: it is no text.
        TooLargeError: the copy would be too large.
    """
    facts = look_over(conversion.source, conversion.monitor, wanted)
    _check_is_text(conversion, facts)
    encoding = facts.encoding
    if facts.bad_utf8_line is not None:
        encoding = FALLBACK_ENCODING
        conversion.warn(
            f"Line {facts.bad_utf8_line:,} is not UTF-8; the file was read as Windows-1252, which is a guess. "
            "Save it as UTF-8 to be sure."
        )
    mixed = unify_newlines and facts.newline == "mixed"
    if mixed:
        conversion.warn(
            f"Lines end in two ways ({facts.n_crlf:,} × CRLF, {facts.n_line_feeds - facts.n_crlf:,} × LF); "
            "all were read as LF, within quotes too."
        )
    if encoding == "utf-8" and not mixed:
        return conversion.source, facts, encoding
    plain = conversion.plain_path
    rewrite_plain(
        conversion.source,
        plain,
        conversion.monitor,
        encoding=encoding,
        unify_newlines=mixed,
        max_bytes=conversion.max_table_bytes,
        name=conversion.name,
    )
    return plain, look_over(plain, conversion.monitor, wanted), encoding


def _check_is_text(conversion: Conversion, facts: TextFacts) -> None:
    if facts.is_blank:
        raise EmptyDataError(
            f"{conversion.name} holds no text.", hint="Check that it was written and sent to its end."
        )
    if facts.nul_at is not None:
        line = line_of_offset(conversion.source, facts.nul_at)
        raise UnreadableDataError(
            f"{conversion.name} has a NUL byte on line {line:,}: it is no plain text.",
            hint="If it is UTF-16, save it as UTF-8; otherwise the file is damaged or of another kind.",
            facts={"line": line},
        )
