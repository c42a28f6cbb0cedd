"""Datasets, for synchronous code."""

from collections.abc import Iterator
from typing import Any

from prismlane.client import _calls as calls
from prismlane.client._bodies import body_of
from prismlane.client._transports import Transport
from prismlane.common.wire import DatasetView, Preview, ReadOptions, RegisterRequest, SchemaView


class Datasets:
    """The datasets of the server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(self, source: Any, *, name: str | None = None, **read_options: Any) -> DatasetView:
        """Send data to the server and register them.

        Args:
            source: a path, bytes, a file opened with "rb", or a frame with `__arrow_c_stream__`.
            name: how to call it; the file's name if left out. Its ending tells the format.
            read_options: the fields of `ReadOptions`: `format`, `delimiter`, `quote`, `header`, `types`.

        Raises:
            UnreadableDataError: there is no such file, or it is no table.
        """
        options = calls.checked(ReadOptions, **read_options)
        with body_of(source) as body:
            return self._transport.send(calls.upload(body, name or body.name, options))

    def register(self, path: str, *, name: str | None = None, **read_options: Any) -> DatasetView:
        """Register a file that the server itself can read, below one of its data roots; nothing is sent.

        Args:
            path: where the file is, for the server.
            name: how to call it; the file's name if left out.
            read_options: as for `add`.
        """
        options = calls.checked(ReadOptions, **read_options)
        given = {"path": path, "options": options, **({"name": name} if name else {})}
        return self._transport.send(calls.register(calls.checked(RegisterRequest, **given)))

    def get(self, dataset_id: str) -> DatasetView:
        """The dataset with this id.

        Raises:
            DatasetNotFoundError: there is none.
        """
        return self._transport.send(calls.get_dataset(dataset_id))

    def list(self, *, limit: int | None = None, page_size: int = 100) -> Iterator[DatasetView]:
        """The datasets, newest first; pages are fetched as they are needed.

        Args:
            limit: the most datasets to give; None for all.
            page_size: datasets in one request, at most 1000.
        """
        n_left, token = limit, None
        while n_left is None or n_left > 0:
            size = page_size if n_left is None else min(page_size, n_left)
            page = self._transport.send(calls.list_datasets(size, token))
            yield from page.datasets[:n_left]
            n_left = None if n_left is None else n_left - len(page.datasets)
            token = page.next_page_token
            if token is None:
                return

    def schema(self, dataset: str | DatasetView) -> SchemaView:
        """The columns of a dataset, and how its file was read."""
        return self._transport.send(calls.get_schema(calls.id_of(dataset)))

    def preview(self, dataset: str | DatasetView, n_rows: int = 10) -> Preview:
        """The first rows of a dataset."""
        return self._transport.send(calls.get_preview(calls.id_of(dataset), n_rows))

    def delete(self, dataset: str | DatasetView) -> None:
        """Forget a dataset.

        Raises:
            DatasetInUseError: unfinished jobs read it.
        """
        self._transport.send(calls.delete_dataset(calls.id_of(dataset)))
