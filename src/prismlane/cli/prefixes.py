"""Ids that were shortened to a unique prefix."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

from prismlane.common.errors import DatasetNotFoundError, InvalidRequestError, JobNotFoundError
from prismlane.common.ids import DATASET_ID_PATTERN, JOB_ID_PATTERN

if TYPE_CHECKING:
    from prismlane.client import Client, Job

#: How many of the newest are looked through.
N_LOOKED_AT: Final = 10_000


def find_job(client: "Client", text: str) -> "Job":
    """The job whose id is `text` or begins with it; `job_0_` may be left out.

    Raises:
        JobNotFoundError: there is none.
        InvalidRequestError: there are several.
    """
    if re.match(JOB_ID_PATTERN, text):
        return client.jobs.get(text)
    jobs = {job.id: job for job in client.jobs.list(limit=N_LOOKED_AT, page_size=1000)}
    id_ = _only(text, jobs)
    if id_ is None:
        raise JobNotFoundError(f'no id of a job begins with "{text}"')
    return jobs[id_]


def find_dataset_id(client: "Client", text: str) -> str:
    """The id of the dataset whose id is `text` or begins with it; `ds_` may be left out.

    Raises:
        DatasetNotFoundError: there is none.
        InvalidRequestError: there are several.
    """
    if re.match(DATASET_ID_PATTERN, text):
        return text
    datasets = client.datasets.list(limit=N_LOOKED_AT, page_size=1000)
    id_ = _only(text, (dataset.id for dataset in datasets))
    if id_ is None:
        raise DatasetNotFoundError(f'no id of a dataset begins with "{text}"')
    return id_


def _only(text: str, ids: Iterable[str]) -> str | None:
    found = [id_ for id_ in ids if id_.startswith(text) or id_.rpartition("_")[2].startswith(text)]
    if len(found) > 1:
        raise InvalidRequestError(
            f'{len(found)} ids begin with "{text}"',
            hint="\n".join(["Write more of it. They are:", *islice(found, 5)]),
        )
    return found[0] if found else None
