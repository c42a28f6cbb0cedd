"""`prismlane analyses`: what the engine can find out."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prismlane.cli.session import session_of

if TYPE_CHECKING:
    from prismlane.cli.output import Columns

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Analyses: what the engine can find out.")

Name = Annotated[str, typer.Argument(metavar="ANALYSIS", help="Name of an analysis.")]

_COLUMNS: "Columns" = {
    "NAME": lambda analysis: analysis.name,
    "FAMILY": lambda analysis: analysis.family,
    "VERSION": lambda analysis: analysis.version,
    "QUESTION": lambda analysis: analysis.title,
    "MISSING": lambda analysis: analysis.unavailable_because,
}


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the analyses of the engine."""
    session = session_of(ctx)
    with session.client() as client:
        session.output.items(client.analyses.list(), _COLUMNS)


@app.command()
def show(ctx: typer.Context, analysis: Name) -> None:
    """Show an analysis and its parameters."""
    session = session_of(ctx)
    with session.client() as client:
        found = client.analyses.get(analysis)
    fields: Columns = {
        **_COLUMNS,
        "DESCRIPTION": lambda analysis: analysis.description or None,
        "EXACTNESS": lambda analysis: analysis.exactness,
    }
    session.output.item(found, fields)
    if session.output.is_table:
        session.output.text("")
        session.output.items(found.params_schema.get("properties", {}).items(), _PARAMETER)


_PARAMETER: "Columns" = {
    "PARAMETER": lambda parameter: parameter[0],
    "DEFAULT": lambda parameter: _default(parameter[1]),
    "DESCRIPTION": lambda parameter: parameter[1].get("description"),
}


def _default(schema: dict[str, Any]) -> str | None:
    return json.dumps(schema["default"]) if "default" in schema else None


@app.command()
def schema(
    ctx: typer.Context,
    analysis: Name,
    result: Annotated[
        bool, typer.Option("--result", help="Of its result instead of its parameters.")
    ] = False,
) -> None:
    """Print the JSON Schema of an analysis."""
    session = session_of(ctx)
    with session.client() as client:
        found = client.analyses.get(analysis)
    session.output.json(found.result_schema if result else found.params_schema)
