"""Text files as bytes: what can be known of one before it is parsed, and making it plain UTF-8."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prismlane.common.errors import TooLargeError, UnreadableDataError
from prismlane.engine.analyses.contract import Monitor

_CHUNK_BYTES = 1 << 22
#: Byte order marks and their encodings; the longer marks first, for UTF-32's begins like UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What a text that is not UTF-8 is taken for.
FALLBACK_ENCODING = "cp1252"


@dataclass(slots=True)
class TextFacts:
    """What one look over all bytes of a text tells."""

    encoding: str = "utf-8"
    n_bytes: int = 0
    n_line_feeds: int = 0
    n_crlf: int = 0
    n_carriage_returns: int = 0
    ends_with_newline: bool = False
    is_blank: bool = True
    #: Offset of the first NUL byte.
    nul_at: int | None = None
    #: Line of the first byte that is not UTF-8.
    bad_utf8_line: int | None = None
    #: Which of the texts that were looked for are there.
    found: frozenset[bytes] = frozenset()

    @property
    def newline(self) -> str:
        """How lines end; `mixed` where both LF and CRLF do."""
        if not self.n_line_feeds:
            return "\r" if self.n_carriage_returns else "\n"
        if not self.n_crlf:
            return "\n"
        return "\r\n" if self.n_crlf == self.n_line_feeds else "mixed"

    @property
    def n_lines(self) -> int:
        """Lines, the last one whether it is ended or not."""
        n_ended = self.n_line_feeds or self.n_carriage_returns
        return n_ended + (self.n_bytes > 0 and not self.ends_with_newline)


def look_over(path: Path, monitor: Monitor, wanted: Sequence[bytes] = ()) -> TextFacts:
    """Read the whole file once and tell what it is made of, and which of `wanted` (short texts) occur in it."""
    with path.open("rb") as file:
        head = file.read(4)
    facts = TextFacts(encoding=next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8"))
    if facts.encoding in {"utf-16", "utf-32"}:
        facts.n_bytes, facts.is_blank = path.stat().st_size, False
        return facts
    decoder = codecs.getincrementaldecoder("utf-8")()
    missing = set(wanted)
    tail = b""
    for chunk in _chunks(path, monitor):
        _check_utf8(decoder, chunk, facts)
        if facts.nul_at is None and (at := chunk.find(b"\0")) >= 0:
            facts.nul_at = facts.n_bytes + at
        # What spans two chunks is seen by putting the end of the last one in front.
        seam = tail + chunk
        missing = {text for text in missing if text not in seam}
        _count_newlines(facts, chunk, after_cr=tail.endswith(b"\r"))
        facts.n_bytes += len(chunk)
        facts.is_blank = facts.is_blank and not chunk.removeprefix(codecs.BOM_UTF8).strip()
        facts.ends_with_newline = chunk.endswith((b"\n", b"\r"))
        tail = seam[-8:]
    _check_utf8(decoder, b"", facts, final=True)
    facts.found = frozenset(set(wanted) - missing)
    return facts


def rewrite_plain(
    source: Path,
    target: Path,
    monitor: Monitor,
    *,
    encoding: str,
    unify_newlines: bool,
    max_bytes: int,
    name: str,
) -> None:
    """Write the text of `source` to `target` as UTF-8 without a mark, and with LF as the end of lines if asked.

    Raises:
        UnreadableDataError: the bytes are not in `encoding`.
        TooLargeError: more than `max_bytes` come out.
    """
    n_bytes = 0
    with target.open("wb") as out:
        for piece in _decoded(_chunks(source, monitor), encoding, name):
            plain = piece.encode()
            if unify_newlines:
                plain = plain.replace(b"\r\n", b"\n")
            n_bytes += len(plain)
            if n_bytes > max_bytes:
                raise TooLargeError(
                    f"{name} is larger than {max_bytes:,} bytes as UTF-8.", facts={"max_bytes": max_bytes}
                )
            out.write(plain)


def line_of_offset(path: Path, offset: int) -> int:
    """The number of the line (from 1) in which the byte at `offset` stands."""
    line, left = 1, offset
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
            line += chunk.count(b"\n")
            left -= len(chunk)
    return line


def _chunks(path: Path, monitor: Monitor) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            monitor.check()
            yield chunk


def _count_newlines(facts: TextFacts, chunk: bytes, *, after_cr: bool) -> None:
    facts.n_line_feeds += chunk.count(b"\n")
    if b"\r" in chunk or after_cr:
        facts.n_carriage_returns += chunk.count(b"\r")
        facts.n_crlf += chunk.count(b"\r\n") + (after_cr and chunk.startswith(b"\n"))


def _check_utf8(
    decoder: codecs.IncrementalDecoder, chunk: bytes, facts: TextFacts, *, final: bool = False
) -> None:
    if facts.bad_utf8_line is not None or (chunk.isascii() and not final and not decoder.getstate()[0]):
        return
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        facts.bad_utf8_line = facts.n_line_feeds + 1 + error.object[: error.start].count(b"\n")


def _decoded(chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    held = ""
    try:
        for chunk in chunks:
            text = held + decoder.decode(chunk)
            # A CR at the end may be the first half of a CRLF.
            held = "\r" if text.endswith("\r") else ""
            yield text.removesuffix("\r") if held else text
        yield held + decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UnreadableDataError(
            f"{name} is neither UTF-8 nor {encoding}: it has the byte {error.object[error.start]:#04x}.",
            hint="Save the file as UTF-8.",
            facts={"encoding": encoding},
        ) from error
