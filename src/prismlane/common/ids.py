"""Identifiers: sortable by creation time, safe in URLs, shells and file names.

An id is `<prefix>_<26 characters>`: a ULID (48 bits of milliseconds, 80 random bits) in Crockford's base 32, lower case.
A job id carries its lane after the prefix: `job_0_01k…`.
"""

import re
import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ULID = r"[0-7][0-9a-hjkmnp-tv-z]{25}"
JOB_ID_PATTERN: Final = rf"^job_[0-9]{{1,3}}_{_ULID}$"
DATASET_ID_PATTERN: Final = rf"^ds_{_ULID}$"
_JOB_ID = re.compile(JOB_ID_PATTERN)

DEFAULT_LANE: Final = 0


def ulid(at_ms: int | None = None, entropy: bytes | None = None) -> str:
    """A new ULID of 26 characters; ids made in later milliseconds sort after earlier ones."""
    milliseconds = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    random_bits = int.from_bytes(secrets.token_bytes(10) if entropy is None else entropy)
    value = (milliseconds & (1 << 48) - 1) << 80 | random_bits
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def new_job_id(lane: int = DEFAULT_LANE) -> str:
    """A new job id in `lane`."""
    return f"job_{lane}_{ulid()}"


def new_dataset_id() -> str:
    """A new dataset id."""
    return f"ds_{ulid()}"


def new_request_id() -> str:
    """A new id for one HTTP request."""
    return f"req_{ulid()}"


def lane_of(job_id: str) -> int | None:
    """The lane that `job_id` names, or None where it is not a job id."""
    return int(job_id.split("_")[1]) if _JOB_ID.match(job_id) else None
