"""The name under which results and caches know a dataset."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from prismlane.engine.data.manifest import Column


def fingerprint(source_hash: str, options: Mapping[str, Any], columns: Sequence[Column]) -> str:
    """SHA-256 (64 hex digits) of the source's content, of how it was read, and of the columns that came out.

    `options` are JSON values, in any order of their names.
    """
    described = {
        "source": source_hash,
        "options": dict(options),
        "columns": [[column.name, column.type] for column in columns],
    }
    canonical = json.dumps(
        described, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()
