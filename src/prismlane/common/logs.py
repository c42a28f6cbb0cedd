"""Logs of server processes: one JSON object a line, with the names of the job, attempt and worker that a line speaks of."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, TextIO, cast

import structlog

from prismlane.common.log_file import LogFile

#: The log of all processes of an engine, in its folder of logs.
FILE_NAME: Final = "engine.jsonl"

#: Values under these keys never reach a log.
SECRET_KEYS = frozenset({"api_key", "authorization", "password", "token", "secret"})


def configure_logs(level: str, directory: Path | None = None, **names: str) -> None:
    """Write this process's logs as JSON lines that carry `names` (e.g. `actor="tracker"`).

    Args:
        level: the least that is written, e.g. `info`.
        directory: the folder of logs; stderr if left out.
        names: what every line says.
    """
    stream = sys.stderr if directory is None else cast("TextIO", LogFile(directory / FILE_NAME))
    structlog.configure(
        processors=[
            _naming(names),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # One write a line: other processes write to the same file.
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> Any:
    """The logger of a part of the engine."""
    return structlog.get_logger(part=name)


def _naming(names: Mapping[str, str]) -> structlog.typing.Processor:
    """Put `names` in front of each line, whichever thread or task writes it."""

    def add(_: Any, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {**names, **line}

    return add


def _redact(_: Any, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: "***" if key.lower() in SECRET_KEYS else value for key, value in line.items()}
