"""Queries that can be cancelled, bounded and followed while DuckDB computes."""

import threading
from collections.abc import Callable
from typing import Any

import duckdb

from prismlane.engine.analyses.contract import Monitor

#: How often the watcher looks, in seconds.
_TICK_S = 0.05


def run_watched(
    con: duckdb.DuckDBPyConnection,
    query: str,
    monitor: Monitor,
    *,
    phase: str = "",
    span: tuple[float, float] = (0.0, 1.0),
    guard: Callable[[], None] = lambda: None,
) -> list[tuple[Any, ...]]:
    """The rows of `query`, which runs in a thread while this one watches.

    Args:
        con: a connection that nobody else uses meanwhile.
        query: one statement.
        monitor: asked on every tick whether to go on, and told the progress.
        phase: what the progress calls this query.
        span: the shares of the whole call at the query's start and end.
        guard: called on every tick; what it raises ends the query too.

    Raises:
        duckdb.Error: the query failed.
        CancelledByRequestError, DeadlineExceededError: from `monitor`; the query has ended by then.
    """
    rows: list[tuple[Any, ...]] = []
    failure: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            rows.extend(con.execute(query).fetchall())
        except BaseException as error:  # noqa: BLE001 - handed to the watching thread, which raises it
            failure.append(error)
        finally:
            done.set()

    monitor.check()
    thread = threading.Thread(target=work, name="duckdb-query", daemon=True)
    thread.start()
    try:
        while not done.wait(_TICK_S):
            monitor.check()
            guard()
            monitor.progress(span[0] + (span[1] - span[0]) * _share_done(con), phase)
    except BaseException:
        _interrupt(con, done)
        raise
    finally:
        thread.join()
    if failure:
        raise failure[0]
    return rows


def _share_done(con: duckdb.DuckDBPyConnection) -> float:
    return min(max(float(con.query_progress()), 0.0), 100.0) / 100.0


def _interrupt(con: duckdb.DuckDBPyConnection, done: threading.Event) -> None:
    # An interrupt that comes before the query is under way is lost, so it is said until it is heard.
    while not done.wait(_TICK_S):
        con.interrupt()
