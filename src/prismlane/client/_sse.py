"""Server-sent events (WHATWG HTML, section 9.2): bytes in, messages out, without any reading of its own."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A message longer than this is refused instead of filling the memory.
MAX_MESSAGE_CHARS = 16 * 1024 * 1024
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class SseMessage:
    """One message of a stream."""

    event: str
    data: str
    #: The `id` of this message; None where it has none of its own.
    id: str | None = None


class SseParser:
    """Turns the chunks of a stream, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._text = ""
        self._event = ""
        self._data: list[str] = []
        self._id: str | None = None
        self._n_chars = 0
        #: How long the server asks to wait before a new connection; None where it said nothing.
        self.retry_s: float | None = None

    def feed(self, chunk: bytes) -> Iterator[SseMessage]:
        """The messages that `chunk` completes.

        Raises:
            ValueError: a message is longer than `MAX_MESSAGE_CHARS`.
        """
        *lines, self._text = self._split(self._text + self._decoder.decode(chunk))
        if self._n_chars + len(self._text) > MAX_MESSAGE_CHARS:
            raise ValueError(f"a message of the event stream is longer than {MAX_MESSAGE_CHARS} characters")
        for line in lines:
            message = self._take(line)
            if message is not None:
                yield message

    @staticmethod
    def _split(text: str) -> list[str]:
        # A carriage return at the end may be the first half of a line end; it waits for the next chunk.
        held = "\r" if text.endswith("\r") else ""
        *lines, rest = _LINE_END.split(text[: len(text) - len(held)])
        return [*lines, rest + held]

    def _take(self, line: str) -> SseMessage | None:
        if not line:
            return self._dispatch()
        self._n_chars += len(line)
        field, _, value = line.partition(":")
        self._set(field, value.removeprefix(" "))
        return None

    def _set(self, field: str, value: str) -> None:
        match field:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_s = int(value) / 1000

    def _dispatch(self) -> SseMessage | None:
        message = None
        if self._event or self._data:
            message = SseMessage(self._event or "message", "\n".join(self._data), self._id)
        self._event, self._data, self._id, self._n_chars = "", [], None, 0
        return message
