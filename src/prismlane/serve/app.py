"""The FastAPI application: routes, problems, guard."""

from fastapi import FastAPI

from prismlane.common.settings import LOOPBACK_HOSTS
from prismlane.common.version import VERSION
from prismlane.serve.guard import Guard
from prismlane.serve.openapi import PROBLEM_RESPONSES, describe
from prismlane.serve.problems import add_problem_handlers
from prismlane.serve.routes import analyses, datasets, events, health, jobs, results
from prismlane.serve.services import Services

DESCRIPTION = """Durable, concurrent analyses of tabular data.

Submit a job (`POST /v1/jobs`), follow its events (`GET /v1/jobs/{id}/events`, as a page or live), fetch its result and report.
Errors are problems of RFC 9457 with a `code` and a `hint`."""


def create_app(services: Services) -> FastAPI:
    """The gateway's application over `services`."""
    app = FastAPI(
        title="Prismlane",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.services = services
    for module in (jobs, results, events, datasets, analyses, health):
        app.include_router(module.router, responses=PROBLEM_RESPONSES)
    add_problem_handlers(app)
    describe(app)
    server = services.settings.server
    app.add_middleware(
        Guard,
        on_loopback=server.host in LOOPBACK_HOSTS,
        max_body_bytes=server.max_body_bytes,
        max_upload_bytes=server.max_upload_bytes,
    )
    return app
