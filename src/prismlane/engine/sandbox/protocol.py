"""What parent and child say to each other: JSON headers and raw bytes in frames of limited size, never a pickle.

A frame is: length of the header and number of blobs (two uint32, big-endian), the length of each blob (uint64), the header
(JSON), the blobs. The parent treats whatever the child sends as hostile.
"""

import json
import struct
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

_PREFIX = struct.Struct("!II")
MAX_HEADER_BYTES = 8 << 20
MAX_BLOBS = 4096
MAX_FRAME_BYTES = 256 << 20

#: Why a running call is asked to end.
EndReason = Literal["cancelled", "deadline"]


class FrameError(ValueError):
    """What was received is not a message of this protocol."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Child to parent, once: I am ready, and this holds me back."""

    controls: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Parent to child: run `target`."""

    id: int
    target: str
    payload: Mapping[str, Any]
    blobs: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class AskToEnd:
    """Parent to child: end the call as soon as you can."""

    id: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Progress:
    """Child to parent: the share of the call that is done (0 to 1)."""

    id: int
    share: float
    phase: str


@dataclass(frozen=True, slots=True)
class Done:
    """Child to parent: the call's result, and the CPU time that the child has used since it began."""

    id: int
    payload: dict[str, Any]
    cpu_used_s: float
    blobs: Sequence[bytes] = field(default=())


@dataclass(frozen=True, slots=True)
class Failed:
    """Child to parent: the call's error as a problem."""

    id: int
    problem: dict[str, Any]


Message: TypeAlias = Hello | Call | AskToEnd | Progress | Done | Failed


def encode(message: Message) -> list[bytes]:
    """The frame of `message`: one piece with all but the blobs, then each blob.

    Raises:
        FrameError: the frame would be above the limits.
        TypeError, ValueError: the payload cannot be written as JSON.
    """
    blobs = message.blobs if isinstance(message, Call | Done) else ()
    header = json.dumps(_header_of(message), separators=(",", ":")).encode()
    lengths = [len(blob) for blob in blobs]
    _check_sizes(len(header), lengths, MAX_FRAME_BYTES)
    head = _PREFIX.pack(len(header), len(blobs)) + struct.pack(f"!{len(lengths)}Q", *lengths) + header
    return [head, *blobs]


def decode(max_bytes: int = MAX_FRAME_BYTES) -> Generator[int, bytes, Message]:
    """Read one frame: yields how many bytes it needs next, is sent exactly those, and returns the message.

    Nothing above `max_bytes` is ever asked for.

    Raises:
        FrameError: this is not a frame, or too large a one.
    """
    n_header, n_blobs = _PREFIX.unpack((yield _PREFIX.size))
    if n_blobs > MAX_BLOBS or n_header > MAX_HEADER_BYTES:
        raise FrameError(f"a header of {n_header} bytes with {n_blobs} blobs")
    lengths = struct.unpack(f"!{n_blobs}Q", (yield 8 * n_blobs)) if n_blobs else ()
    _check_sizes(n_header, lengths, max_bytes)
    header = _parse((yield n_header))
    blobs: list[bytes] = []
    for length in lengths:
        blobs.append((yield length) if length else b"")  # noqa: PERF401 - a comprehension cannot yield
    return _message_of(header, blobs)


def _check_sizes(n_header: int, blob_lengths: Sequence[int], max_bytes: int) -> None:
    n_bytes = n_header + sum(blob_lengths)
    if n_header > MAX_HEADER_BYTES or len(blob_lengths) > MAX_BLOBS or n_bytes > max_bytes:
        raise FrameError(
            f"a header of {n_header} bytes and {len(blob_lengths)} blobs, {n_bytes} bytes in all; at most"
            f" {MAX_HEADER_BYTES} bytes, {MAX_BLOBS} blobs and {max_bytes} bytes are allowed"
        )


def _parse(header: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"the header is not JSON: {type(error).__name__}") from None
    if not isinstance(parsed, dict):
        raise FrameError("the header is not an object")
    return parsed


def _header_of(message: Message) -> dict[str, Any]:
    match message:
        case Hello(controls):
            return {"is": "hello", "controls": controls}
        case Call(id_, target, payload, _):
            return {"is": "call", "id": id_, "target": target, "payload": payload}
        case AskToEnd(id_, reason):
            return {"is": "end", "id": id_, "reason": reason}
        case Progress(id_, share, phase):
            return {"is": "progress", "id": id_, "share": share, "phase": phase}
        case Done(id_, payload, cpu_used_s, _):
            return {"is": "done", "id": id_, "payload": payload, "cpu_used_s": cpu_used_s}
        case Failed(id_, problem):
            return {"is": "failed", "id": id_, "problem": problem}


def _message_of(header: dict[str, Any], blobs: list[bytes]) -> Message:
    kind = _field(header, "is", str)
    if kind == "hello":
        return Hello(_field(header, "controls", dict))
    id_ = _field(header, "id", int)
    match kind:
        case "call":
            return Call(id_, _field(header, "target", str), _field(header, "payload", dict), blobs)
        case "end":
            reason = _field(header, "reason", str)
            if reason not in get_args(EndReason):
                raise FrameError("no such reason to end")
            return AskToEnd(id_, reason)
        case "progress":
            return Progress(id_, _share(header), _field(header, "phase", str)[:200])
        case "done":
            return Done(id_, _field(header, "payload", dict), _number(header, "cpu_used_s"), blobs)
        case "failed":
            return Failed(id_, _field(header, "problem", dict))
        case _:
            raise FrameError("no such message")


def _share(header: dict[str, Any]) -> float:
    share = _number(header, "share")
    return min(max(share, 0.0), 1.0) if share == share else 0.0  # noqa: PLR0124 - not a number


def _number(header: dict[str, Any], name: str) -> float:
    value = header.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FrameError(f"{name!r} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise FrameError(f"{name!r} is too large") from None


def _field(header: dict[str, Any], name: str, kind: type) -> Any:
    value = header.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FrameError(f"{name!r} is not a {kind.__name__}")
    return value
