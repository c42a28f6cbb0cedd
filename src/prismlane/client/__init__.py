"""The Python client: sync and async, over the public HTTP API and nothing else."""

from prismlane.client.async_client import AsyncClient
from prismlane.client.async_jobs import AsyncJob
from prismlane.client.client import Client
from prismlane.client.jobs import Job
from prismlane.client.result import Report, Result, Table

__all__ = ["AsyncClient", "AsyncJob", "Client", "Job", "Report", "Result", "Table"]
