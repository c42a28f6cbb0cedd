"""Prismlane: durable, concurrent analyses of tabular data.

```python
from prismlane import Client

with Client() as c:
    flights = c.datasets.add("flights.csv")
    print(c.run("profile", flights).findings[0].text)
```
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prismlane.client import AsyncClient, AsyncJob, Client, Job, Report, Result
    from prismlane.common.errors import (
        JobCancelledError,
        JobExpiredError,
        JobFailedError,
        PrismlaneError,
        ServerUnreachableError,
        WaitTimeoutError,
    )

    __version__: str

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Job",
    "JobCancelledError",
    "JobExpiredError",
    "JobFailedError",
    "PrismlaneError",
    "Report",
    "Result",
    "ServerUnreachableError",
    "WaitTimeoutError",
    "__version__",
]

_CLIENT: Final = frozenset({"AsyncClient", "AsyncJob", "Client", "Job", "Report", "Result"})


def __getattr__(name: str) -> Any:
    # Workers, tools and `--help` import this package without ever using the client: it is loaded when named.
    if name == "__version__":
        return importlib.import_module("prismlane.common.version").VERSION
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "prismlane.client" if name in _CLIENT else "prismlane.common.errors"
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
