from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismlane.client import _sse
from prismlane.client._sse import SseMessage, SseParser

STREAM = (
    "\ufeff: a comment\r\n\r\n"
    'id: 1\r\nevent: job.accepted\r\ndata: {"ü": 1}\r\n\r\n'
    "data: one\rdata: two\r\r"
    "event: end\n\n"
    "retry: 1500\nid\ndata:no space\n\n"
    "data: cut off"
).encode()
MESSAGES = [
    SseMessage("job.accepted", '{"ü": 1}', "1"),
    SseMessage("message", "one\ntwo"),
    SseMessage("end", ""),
    SseMessage("message", "no space", ""),
]


def test_messages_are_read_whatever_the_line_ends():
    parser = SseParser()
    assert list(parser.feed(STREAM)) == MESSAGES
    assert parser.retry_s == 1.5


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_messages_are_the_same_however_the_stream_is_cut(cuts):
    parser, edges = SseParser(), [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(edges)]
    assert [message for chunk in chunks for message in parser.feed(chunk)] == MESSAGES


def test_a_message_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(_sse, "MAX_MESSAGE_CHARS", 10)
    parser = SseParser()
    list(parser.feed(b"data: 12\n"))
    with pytest.raises(ValueError, match="longer than 10"):
        list(parser.feed(b"data: 34"))
