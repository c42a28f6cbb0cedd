"""What a child process can be asked to do: the only functions that touch users' data and analysis code.

Each takes a payload of JSON values, blobs and a monitor, and returns a payload and blobs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from prismlane.common.wire import DatasetRef, Result
from prismlane.engine.analyses import runner
from prismlane.engine.analyses.contract import Context, Monitor
from prismlane.engine.analyses.registry import registry
from prismlane.engine.data.ingest import ingest
from prismlane.engine.data.materialise import materialise, open_partition
from prismlane.engine.data.preview import preview
from prismlane.engine.reports.about import ReportAbout
from prismlane.engine.reports.html import render_html

Payload = Mapping[str, Any]
Answer = tuple[dict[str, Any], list[bytes]]

#: Name of a target -> `module:function`.
TARGETS: Final[Mapping[str, str]] = {
    name: f"{__name__}:{name}_target"
    for name in ("run", "partial", "merge", "finish", "ingest", "materialise", "preview", "render")
}
#: What a warm child has imported before its first call.
PRELOAD: Final = ("duckdb", "numpy", "pyarrow", "prismlane.engine.targets")


def run_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """A whole analysis in one call: `paths` of all partitions -> the result."""
    _load_plugins(payload)
    parts = [lambda path=Path(path): open_partition(path) for path in payload["paths"]]
    context = _context(payload, monitor)
    result = runner.run_whole(payload["analysis"], payload["params"], parts, context, _dataset(payload))
    return {}, [result]


def partial_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """One partition in one pass: `path` and the merged states of earlier passes -> a state."""
    _load_plugins(payload)
    context = _context(payload, monitor)
    context.earlier = blobs
    part = open_partition(Path(payload["path"]))
    return {}, [runner.run_partial(payload["analysis"], payload["params"], part, context)]


def merge_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """The states of a pass in order of their partitions -> the merged state."""
    _load_plugins(payload)
    monitor.check()
    return {}, [runner.run_merge(payload["analysis"], payload["params"], blobs)]


def finish_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """The merged state of the last pass, then those of the passes before it -> the result."""
    _load_plugins(payload)
    state, *earlier = blobs
    context = _context(payload, monitor)
    result = runner.run_finish(
        payload["analysis"], payload["params"], state, earlier, context, _dataset(payload)
    )
    return {}, [result]


def ingest_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """A source file -> what is known of it, and a table file in the scratch directory where one had to be made."""
    found = ingest(
        Path(payload["source"]),
        Path.cwd(),
        payload["options"],
        monitor,
        max_table_bytes=payload["max_table_bytes"],
        name=payload["name"],
    )
    return found.to_dict(), []


def materialise_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """Row groups of a table file -> an Arrow file that any process can map into memory."""
    target = Path.cwd() / "partition.arrow"
    materialise(
        Path(payload["table"]),
        payload["first_row_group"],
        payload["end_row_group"],
        target,
        monitor,
        max_bytes=payload["max_bytes"],
    )
    return {"path": target.name}, []


def preview_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """The first `n_rows` rows of a table file."""
    monitor.check()
    columns, rows = preview(Path(payload["table"]), payload["n_rows"])
    return {"columns": columns, "rows": rows}, []


def render_target(payload: Payload, blobs: Sequence[bytes], monitor: Monitor) -> Answer:
    """A result -> its HTML report."""
    monitor.check()
    about = TypeAdapter(ReportAbout).validate_python(payload["about"])
    return {}, [render_html(Result.model_validate_json(blobs[0]), about)]


def _load_plugins(payload: Payload) -> None:
    for module in payload["plugins"]:
        registry().add_module(module)


def _context(payload: Payload, monitor: Monitor) -> Context:
    return Context(
        seed=payload["seed"],
        pass_number=payload.get("pass_number", 0),
        partition=payload.get("partition", 0),
        n_rows=payload.get("n_rows", 0),
        threads=payload["threads"],
        monitor=monitor,
        attempt=payload["attempt"],
        fence=payload["fence"],
    )


def _dataset(payload: Payload) -> DatasetRef | None:
    described = payload.get("dataset")
    return DatasetRef(**described) if described is not None else None
