"""What `submit` is given, as the request that the API takes."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from prismlane.client._calls import checked
from prismlane.common.errors import InvalidRequestError
from prismlane.common.wire import DatasetView, SubmitRequest

#: Seconds that `run` lets the server wait for the end before it answers the submit.
RUN_WAIT_S: Final = 20.0


def new_idempotency_key() -> str:
    """A key that no other request has."""
    return secrets.token_urlsafe(18)


def submission(
    analysis: str,
    dataset: str | DatasetView | None,
    params: Mapping[str, Any] | None,
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
) -> SubmitRequest:
    """The request for a job.

    Args:
        analysis: name of the analysis.
        dataset: what it reads.
        params: parameters of the analysis as a mapping.
        parameters: parameters of the analysis by keyword.
        options: the other fields of `SubmitRequest`; None stands for the server's default.

    Raises:
        InvalidRequestError: a value is out of its range, or a parameter is given twice.
    """
    twice = sorted(set(params or ()) & set(parameters))
    if twice:
        raise InvalidRequestError(f"given both in `params` and by keyword: {', '.join(twice)}")
    fields = {
        "analysis": analysis,
        "dataset": dataset.id if isinstance(dataset, DatasetView) else dataset,
        "params": {**(params or {}), **parameters},
        **options,
    }
    return checked(SubmitRequest, **{name: value for name, value in fields.items() if value is not None})
