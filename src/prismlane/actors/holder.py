"""The DatasetHolder: a node's cache of decoded partitions, and the place where files become datasets."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prismlane.actors.child_pool import ChildPool
from prismlane.common.clock import Clock
from prismlane.common.errors import AttemptEndedError, NotFoundError, UnreadableDataError
from prismlane.common.ids import new_dataset_id
from prismlane.common.settings import DataSettings
from prismlane.engine.data.fingerprint import fingerprint
from prismlane.engine.data.ingest import Ingested
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.data.partition_cache import PartitionCache, PartitionKey
from prismlane.engine.ports import BlobStore

#: What reading a file for the first time may take, in seconds.
INGEST_S = 3600.0
#: What decoding a partition, or the first rows of a table, may take, in seconds.
LOAD_S = 600.0


class DatasetHolder:
    """Loads a partition once, however many jobs of the node ask for it, and keeps it while anybody reads it.

    Users' files are decoded in child processes only.
    """

    def __init__(
        self,
        *,
        blobs: BlobStore,
        loaders: ChildPool,
        ingesters: ChildPool,
        clock: Clock,
        settings: DataSettings,
    ) -> None:
        self._blobs = blobs
        self._clock = clock
        self._loaders = loaders
        self._ingesters = ingesters
        self._settings = settings
        self._cache = PartitionCache(settings.directory / "cache", settings.cache_bytes, self._materialise)
        self._incoming = settings.directory / "incoming"
        self._leases: set[str] = set()

    async def start(self) -> None:
        """Make the folder that files pass through on their way from a child to the blobs."""
        await asyncio.to_thread(self._incoming.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def stop(self) -> None:
        """End the children."""
        await self._cache.close()
        await self._loaders.close()
        await self._ingesters.close()

    async def ping(self) -> dict[str, Any]:
        """A sign of life."""
        return asdict(self._cache.counters)

    async def acquire(self, lease: str, table_hash: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
        """Paths of the Arrow files with these row-group ranges of a table; they stay until `release(lease)`."""
        self._leases.add(lease)
        try:
            return [
                str(await self._cache.acquire(PartitionKey(table_hash, *range_), lease)) for range_ in ranges
            ]
        except BaseException:
            await self.release(lease)
            raise

    async def release(self, lease: str) -> None:
        """Give back all that was acquired under `lease`; doing so twice does no harm."""
        self._leases.discard(lease)
        self._cache.release_all(lease)

    async def release_worker(self, worker_id: str) -> None:
        """Give back all that a worker held whose process is gone."""
        for lease in [lease for lease in self._leases if lease.startswith(f"{worker_id}/")]:
            await self.release(lease)

    async def register(
        self, source_hash: str, name: str, options: Mapping[str, Any], n_bytes: int
    ) -> dict[str, Any]:
        """Find out what a source blob holds, and convert it where analyses could not read it as it is.

        Returns:
            The fields of a new `Dataset`, which is not recorded yet.

        Raises:
            DataError: the file cannot be read as a table; says where and why.
            UnsupportedMediaError: it is no table at all.
        """
        if not await self._blobs.exists(source_hash):
            raise NotFoundError("the uploaded file is gone; upload it again")
        payload = {
            "source": str(self._blobs.path(source_hash)),
            "options": dict(options),
            "max_table_bytes": self._settings.max_table_bytes,
            "name": name,
        }
        async with self._ingesters.borrow() as child:
            try:
                answer, _ = await child.call("ingest", payload, timeout_s=INGEST_S)
            except AttemptEndedError as error:
                # What takes the reader down is the file's fault, not the server's.
                raise UnreadableDataError(
                    f"{name} could not be read within the limits: {error.detail}", hint=error.hint
                ) from error
            found = Ingested.from_dict(answer)
            table_hash = source_hash
            if found.table_path is not None:
                table = await asyncio.to_thread(child.take_file, found.table_path.name, self._incoming)
                try:
                    ref = await self._blobs.put_file(table, max_bytes=self._settings.max_table_bytes)
                finally:
                    await asyncio.to_thread(table.unlink)
                table_hash = ref.hash
        dataset = Dataset(
            id=new_dataset_id(),
            name=name,
            format=found.format,
            fingerprint=fingerprint(source_hash, found.options, found.columns),
            source_hash=source_hash,
            table_hash=table_hash,
            n_rows=found.n_rows,
            n_bytes=n_bytes,
            created_at=self._clock.now(),
            columns=found.columns,
            partitions=found.partitions,
            options=found.options,
            warnings=found.warnings,
        )
        return dataset.to_dict()

    async def preview(self, table_hash: str, n_rows: int) -> dict[str, Any]:
        """The first rows of a table: `columns` and `rows`, as JSON values."""
        payload = {"table": str(self._blobs.path(table_hash)), "n_rows": n_rows}
        answer, _ = await self._loaders.call("preview", payload, timeout_s=LOAD_S)
        return answer

    async def _materialise(self, key: PartitionKey, target: Path) -> None:
        payload = {
            "table": str(self._blobs.path(key.table_hash)),
            "first_row_group": key.first_row_group,
            "end_row_group": key.end_row_group,
            "max_bytes": self._settings.cache_bytes,
        }
        async with self._loaders.borrow() as child:
            made, _ = await child.call("materialise", payload, timeout_s=LOAD_S)
            await asyncio.to_thread(child.take_file, made["path"], target.parent, target.name)
