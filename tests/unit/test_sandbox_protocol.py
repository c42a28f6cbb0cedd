import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismlane.engine.sandbox import protocol
from prismlane.engine.sandbox.protocol import (
    AskToEnd,
    Call,
    Done,
    Failed,
    FrameError,
    Hello,
    Progress,
    decode,
    encode,
)

json_objects = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    ),
    max_size=5,
)
ids = st.integers(min_value=0)
messages = st.one_of(
    st.builds(Hello, json_objects),
    st.builds(Call, ids, st.text(), json_objects, st.lists(st.binary(), max_size=4)),
    st.builds(AskToEnd, ids, st.sampled_from(["cancelled", "deadline"])),
    st.builds(Progress, ids, st.floats(0, 1), st.text(max_size=200)),
    st.builds(Done, ids, json_objects, st.floats(0, 1e9), st.lists(st.binary(), max_size=4)),
    st.builds(Failed, ids, json_objects),
)


def read(data: bytes, max_bytes: int = 1 << 20):
    """The message of `data`, and how many bytes it took."""
    frame = decode(max_bytes)
    wanted, position = next(frame), 0
    while True:
        assert wanted <= max(max_bytes, 8 * protocol.MAX_BLOBS)
        if position + wanted > len(data):
            raise EOFError
        piece = data[position : position + wanted]
        position += wanted
        try:
            wanted = frame.send(piece)
        except StopIteration as stop:
            return stop.value, position


def header_frame(header) -> bytes:
    data = json.dumps(header).encode()
    return struct.pack("!II", len(data), 0) + data


@given(messages)
def test_every_message_comes_back_as_it_was(message):
    data = b"".join(encode(message))
    assert read(data + b"more", len(data)) == (message, len(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_incomplete_and_never_anything_else(data):
    with pytest.raises((FrameError, EOFError)):
        read(data)


@given(json_objects, st.sampled_from(["hello", "call", "end", "progress", "done", "failed", "other"]))
def test_any_header_is_a_message_or_refused(header, kind):
    data = header_frame({**header, "is": kind})
    try:
        message, _ = read(data)
    except FrameError:
        return
    assert isinstance(message, Hello | Call | AskToEnd | Progress | Done | Failed)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!II", protocol.MAX_HEADER_BYTES + 1, 0),
        struct.pack("!II", 2, protocol.MAX_BLOBS + 1),
        struct.pack("!IIQ", 2, 1, 1 << 62) + b"{}",
        struct.pack("!IIQQ", 2, 2, 1 << 19, 1 << 20) + b"{}",
    ],
)
def test_sizes_above_the_limits_are_refused_before_anything_is_read(data):
    with pytest.raises(FrameError, match="bytes"):
        read(data)


@pytest.mark.parametrize("header", [b"[]", b"1", b"\xff", b"{", b"[" * 100_000, b'{"is":1}'])
def test_header_that_is_no_object_of_ours_is_refused(header):
    with pytest.raises(FrameError):
        read(struct.pack("!II", len(header), 0) + header)


@pytest.mark.parametrize(
    "header",
    [
        {"is": "done", "id": True, "payload": {}, "cpu_used_s": 0},
        {"is": "done", "id": 1, "payload": [], "cpu_used_s": 0},
        {"is": "done", "id": 1, "payload": {}, "cpu_used_s": "0"},
        {"is": "done", "id": 1, "payload": {}, "cpu_used_s": 10**400},
        {"is": "progress", "id": 1, "share": None, "phase": ""},
        {"is": "end", "id": 1, "reason": "whim"},
        {"is": "failed", "id": 1, "problem": "text"},
    ],
)
def test_field_of_another_type_is_refused(header):
    with pytest.raises(FrameError):
        read(header_frame(header))


@pytest.mark.parametrize(("share", "told"), [(-1, 0.0), (2, 1.0), (math.inf, 1.0), (math.nan, 0.0)])
def test_share_of_progress_is_brought_into_its_range(share, told):
    message, _ = read(header_frame({"is": "progress", "id": 1, "share": share, "phase": "x" * 999}))
    assert message == Progress(1, told, "x" * 200)


def test_message_above_the_limits_is_not_encoded():
    with pytest.raises(FrameError):
        encode(Call(1, "target", {"text": "x" * protocol.MAX_HEADER_BYTES}))
    with pytest.raises(FrameError):
        encode(Done(1, {}, 0.0, [b""] * (protocol.MAX_BLOBS + 1)))
