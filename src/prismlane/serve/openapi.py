"""The API's own description (OpenAPI 3.1): what FastAPI finds out, with the problems and the login that all routes share."""

from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from prismlane.common.wire import Problem, RegisterRequest

#: Of every route: what is answered beside the statuses that it names itself.
PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "What went wrong, and what to do about it (RFC 9457)",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
#: What descriptions name and FastAPI does not see: it sees the types of arguments and of returned values.
UNSEEN_MODELS: Final[tuple[type[BaseModel], ...]] = (Problem, RegisterRequest)
#: What answers to anybody.
OPEN_PATHS: Final = frozenset({"/livez", "/readyz"})


def describe(app: FastAPI) -> None:
    """Let `app` tell of the schema of its problems and of the API key."""
    found_out = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            components = found_out().setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            for model in UNSEEN_MODELS:
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update({**schema.pop("$defs", {}), model.__name__: schema})
            components["securitySchemes"] = {"api_key": {"type": "http", "scheme": "bearer"}}
            for path, item in found_out()["paths"].items():
                for operation in item.values():
                    # `{}`: an engine without a key asks for none.
                    operation["security"] = [{}] if path in OPEN_PATHS else [{"api_key": []}, {}]
        return found_out()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it
