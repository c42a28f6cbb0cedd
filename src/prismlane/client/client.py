"""The client for synchronous code."""

import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx2

from prismlane.client import _calls as calls
from prismlane.client._submissions import RUN_WAIT_S, new_idempotency_key, submission
from prismlane.client._transports import Transport
from prismlane.client.address import address_from
from prismlane.client.analyses import Analyses
from prismlane.client.datasets import Datasets
from prismlane.client.jobs import Job, Jobs
from prismlane.client.local import LocalEngine, OnStep, start_engine
from prismlane.client.result import Result
from prismlane.common.wire import DatasetView, ReadyView


class Client:
    """A connection to a Prismlane server; use it in a `with` block, or close it. It may be shared by threads.

    Args:
        url: the server's URL; `PRISMLANE_URL`, else this machine, if left out.
        api_key: the API key; `PRISMLANE_API_KEY`, else the file named by `PRISMLANE_API_KEY_FILE`, if left out.
        transport: how requests are sent, e.g. `httpx2.MockTransport` in tests.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(address_from(url, api_key), http=transport)
        self._engine: LocalEngine | None = None
        self.jobs = Jobs(self._transport)
        self.datasets = Datasets(self._transport)
        self.analyses = Analyses(self._transport)

    @classmethod
    def local(cls, settings: Any = None, *, on_step: OnStep | None = None) -> "Client":
        """A client with an engine of its own, which ends when the client is closed.

        Args:
            settings: `prismlane.common.settings.EngineSettings`; from the environment if left out.
            on_step: called with the name and the seconds of each step of the start.

        Raises:
            EngineMissingError: the engine is not installed: `pip install 'prismlane[engine]'`.
        """
        engine = start_engine(settings, on_step)
        client = cls(engine.url, engine.api_key)
        client._engine = engine
        return client

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._transport.address.url

    def submit(
        self,
        analysis: str,
        dataset: str | DatasetView | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        priority: int = 5,
        labels: Mapping[str, str] | None = None,
        concurrency_key: str | None = None,
        not_before: datetime | None = None,
        queue_deadline: datetime | None = None,
        run_timeout_s: float | None = None,
        max_attempts: int | None = None,
        idempotency_key: str | None = None,
        wait_s: float = 0,
        **parameters: Any,
    ) -> Job:
        """Submit a job; it is durable once this returns.

        Args:
            analysis: name of the analysis, e.g. `profile`.
            dataset: what it reads: a dataset or its id.
            params: parameters of the analysis, for names that are also arguments here.
            seed: seed of every random choice in the job.
            priority: 0 (background) to 9 (urgent).
            labels: to find it again.
            concurrency_key: at most one job with this key runs at a time.
            not_before: do not start before this time.
            queue_deadline: the job expires if it has not started by this time.
            run_timeout_s: seconds an attempt may run; the server's default if left out.
            max_attempts: attempts before the job fails; the server's default if left out.
            idempotency_key: submitting twice with one key makes one job; made up if left out.
            wait_s: seconds, at most 60, that the server may wait for the end before it answers.
            parameters: parameters of the analysis.

        Raises:
            InvalidParametersError: the parameters do not fit the analysis.
            UnknownColumnError: the dataset has no such column.
        """
        options = {
            "seed": seed,
            "priority": priority,
            "labels": labels,
            "concurrency_key": concurrency_key,
            "not_before": not_before,
            "queue_deadline": queue_deadline,
            "run_timeout_s": run_timeout_s,
            "max_attempts": max_attempts,
        }
        request = submission(analysis, dataset, params, parameters, options)
        key = idempotency_key or new_idempotency_key()
        return Job(self._transport.send(calls.submit(request, key, wait_s)), self._transport)

    def run(
        self,
        analysis: str,
        dataset: str | DatasetView | None = None,
        *,
        timeout: float | None = None,
        **submit_arguments: Any,
    ) -> Result:
        """Submit a job and wait for its result.

        Args:
            analysis: name of the analysis.
            dataset: what it reads.
            timeout: seconds to wait; None waits for ever.
            submit_arguments: what `submit` takes.

        Raises:
            WaitTimeoutError: it has not ended in time; it goes on. The error carries the job.
            JobFailedError: it failed. So for JobCancelledError and JobExpiredError.
        """
        started = time.monotonic()
        wait_s = submit_arguments.pop("wait_s", RUN_WAIT_S if timeout is None else min(RUN_WAIT_S, timeout))
        job = self.submit(analysis, dataset, wait_s=wait_s, **submit_arguments)
        return job.result(None if timeout is None else max(0.0, started + timeout - time.monotonic()))

    def ready(self) -> ReadyView:
        """Whether the engine takes work, and what it is made of."""
        return self._transport.send(calls.get_readiness())

    def close(self) -> None:
        """Close the connections and end the engine, if it is this client's own."""
        try:
            self._transport.close()
        finally:
            if self._engine is not None:
                self._engine.stop()
                self._engine = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"
