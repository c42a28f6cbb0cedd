"""Datasets: register by upload or by path, look up, preview, delete."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from prismlane.common.errors import (
    DatasetNotFoundError,
    EmptyDataError,
    InvalidRequestError,
    UnsupportedMediaError,
)
from prismlane.common.wire import (
    ColumnView,
    DatasetPage,
    DatasetView,
    Preview,
    ReadOptions,
    RegisterRequest,
    SchemaView,
)
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.data.roots import resolve_below
from prismlane.engine.ports import BlobRef
from prismlane.serve.principal import WithPrincipal
from prismlane.serve.problems import problems_of
from prismlane.serve.requests import idempotency_of, last_id_of, page_token
from prismlane.serve.services import Services, WithServices
from prismlane.serve.views import dataset_view

router = APIRouter(prefix="/v1", tags=["datasets"])

#: Registering goes on when its client has gone away: these tasks are kept from being collected.
_registering: Final[set[asyncio.Task[Any]]] = set()

_UPLOAD_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/RegisterRequest"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "/datasets",
    status_code=201,
    summary="Register a dataset",
    openapi_extra=_UPLOAD_BODY,
    response_model=DatasetView,
)
async def register(
    request: Request,
    principal: WithPrincipal,
    services: WithServices,
    name: Annotated[
        str | None, Query(min_length=1, max_length=200, description="name of an uploaded file")
    ] = None,
    options: Annotated[str | None, Query(max_length=100_000, description="ReadOptions as JSON")] = None,
) -> Response:
    """Upload a file as the body (`application/octet-stream`, with `?name=`), or name one that the server can read (JSON).

    201: registered; 200: the same data were registered under this name before, and that version is the answer.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        asked = await _asked(request)
        source = resolve_below(asked.path, services.settings.data.roots)
        blob = await services.blobs.put_file(source, max_bytes=services.settings.server.max_upload_bytes)
        file_name, read = asked.name or source.name, asked.options
    elif kind.startswith("multipart/"):
        raise UnsupportedMediaError(
            "a form is not taken",
            hint="Send the file itself: curl --data-binary @FILE -H 'Content-Type: application/octet-stream'",
        )
    else:
        if name is None:
            raise InvalidRequestError("an upload needs its file name: ?name=sales.csv")
        read = _options(options)
        blob = await _upload(request, services)
        file_name = name
    key = {"source": blob.hash, "name": file_name, "options": read.model_dump(mode="json")}
    idempotency = idempotency_of(request, "POST /v1/datasets", key)
    registering = asyncio.create_task(
        _register(services, principal.tenant, blob, file_name, read, idempotency)
    )
    _registering.add(registering)
    registering.add_done_callback(_registering.discard)
    dataset, created, replayed = await asyncio.shield(registering)
    headers = {"Location": f"/v1/datasets/{dataset.id}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(
        dataset_view(dataset).model_dump_json(),
        status_code=201 if created else 200,
        media_type="application/json",
        headers=headers,
    )


@router.get("/datasets", summary="List datasets, newest first")
async def list_datasets(
    principal: WithPrincipal,
    services: WithServices,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
    page_token_: Annotated[str | None, Query(alias="page_token", max_length=500)] = None,
) -> DatasetPage:
    """One page of the tenant's datasets."""
    found = await services.reader.datasets(
        principal.tenant, limit=page_size + 1, before=last_id_of(page_token_)
    )
    page = found[:page_size]
    return DatasetPage(
        datasets=[dataset_view(dataset) for dataset in page],
        next_page_token=page_token(page[-1].id) if len(found) > page_size else None,
    )


@router.get("/datasets/{dataset_id}", summary="Look a dataset up")
async def get_dataset(dataset_id: str, principal: WithPrincipal, services: WithServices) -> DatasetView:
    """What is known of a dataset version."""
    return dataset_view(await dataset_of(services, principal.tenant, dataset_id))


@router.get("/datasets/{dataset_id}/schema", summary="Columns, and how the file was read")
async def get_schema(dataset_id: str, principal: WithPrincipal, services: WithServices) -> SchemaView:
    """The columns with their types, and the dialect that was found."""
    dataset = await dataset_of(services, principal.tenant, dataset_id)
    return SchemaView(
        columns=[ColumnView(name=c.name, type=c.type, role=c.role) for c in dataset.columns],
        options=dict(dataset.options),
        warnings=list(dataset.warnings),
    )


@router.get("/datasets/{dataset_id}/preview", summary="The first rows")
async def get_preview(
    dataset_id: str,
    principal: WithPrincipal,
    services: WithServices,
    rows: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> Preview:
    """The first rows, each value as JSON."""
    dataset = await dataset_of(services, principal.tenant, dataset_id)
    shown = await services.holder.preview(dataset.table_hash, rows)
    return Preview(columns=shown["columns"], rows=shown["rows"], n_rows=dataset.n_rows)


@router.delete("/datasets/{dataset_id}", status_code=204, summary="Delete a dataset")
async def delete_dataset(dataset_id: str, principal: WithPrincipal, services: WithServices) -> None:
    """Forget a dataset. Results of jobs that read it stay."""
    await dataset_of(services, principal.tenant, dataset_id)
    await services.tracker.delete_dataset(principal.tenant, dataset_id)


async def dataset_of(services: Services, tenant: str, dataset_id: str) -> Dataset:
    """The tenant's dataset.

    Raises:
        DatasetNotFoundError: this tenant has no such dataset, whoever else may.
    """
    dataset = await services.reader.dataset(tenant, dataset_id)
    if dataset is None:
        raise DatasetNotFoundError(f"there is no dataset {dataset_id[:60]!r}")
    return dataset


async def _register(
    services: Services,
    tenant: str,
    blob: BlobRef,
    name: str,
    read: ReadOptions,
    idempotency: Mapping[str, str] | None,
) -> tuple[Dataset, bool, bool]:
    """The dataset, whether it is new, and whether the idempotency key was known."""
    found = await services.holder.register(blob.hash, name, read.model_dump(mode="json"), blob.n_bytes)
    known = await services.reader.dataset_with(tenant, found["fingerprint"], name)
    if known is not None and idempotency is None:
        return known, False, False
    accepted = await services.tracker.add_dataset(tenant, found, idempotency)
    if accepted["created_id"] == found["id"]:
        return Dataset.from_dict(found), True, False
    return await dataset_of(services, tenant, accepted["created_id"]), False, True


async def _upload(request: Request, services: Services) -> BlobRef:
    limit = services.settings.server.max_upload_bytes
    blob = await services.blobs.put_stream(_chunks(request), max_bytes=limit)
    if blob.n_bytes == 0:
        raise EmptyDataError("the uploaded file is empty (0 bytes)")
    return blob


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk


async def _asked(request: Request) -> RegisterRequest:
    try:
        return RegisterRequest.model_validate_json(await request.body())
    except ValidationError as invalid:
        problems = problems_of(invalid.errors(), in_body=True)
        raise InvalidRequestError("the body is not a RegisterRequest", errors=problems) from None


def _options(text: str | None) -> ReadOptions:
    if text is None:
        return ReadOptions()
    try:
        return ReadOptions.model_validate_json(text)
    except ValidationError as invalid:
        problems = problems_of(invalid.errors(), in_body=True)
        told = "; ".join(f"{problem['pointer']}: {problem['detail']}" for problem in problems[:3])
        raise InvalidRequestError(f"the options are not ReadOptions: {told}", errors=problems) from None
