"""`prismlane datasets`: the data that the engine has."""

from typing import TYPE_CHECKING, Annotated

import typer

from prismlane.cli.session import session_of

if TYPE_CHECKING:
    from prismlane.cli.output import Columns

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Datasets: the data that the engine has.")

DatasetId = Annotated[
    str, typer.Argument(metavar="DATASET", help="Id of a dataset, or its unique beginning.")
]


def _columns() -> "Columns":
    from prismlane.cli.text import size

    return {
        "ID": lambda dataset: dataset.id,
        "NAME": lambda dataset: dataset.name,
        "FORMAT": lambda dataset: dataset.format,
        "ROWS": lambda dataset: f"{dataset.n_rows:,}",
        "COLUMNS": lambda dataset: dataset.n_columns,
        "SIZE": lambda dataset: size(dataset.n_bytes),
        "CREATED": lambda dataset: dataset.created_at,
    }


def _fields() -> "Columns":
    return {
        **_columns(),
        "FINGERPRINT": lambda dataset: dataset.fingerprint,
        "PARTITIONS": lambda dataset: dataset.n_partitions,
        "READ WITH": lambda dataset: dataset.options or None,
        "CAUTION": lambda dataset: "; ".join(dataset.warnings) or None,
    }


@app.command()
def add(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(help="CSV, Parquet, JSON Lines or Arrow; gzip is fine.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name if left out.")] = None,
    on_server: Annotated[
        bool, typer.Option("--on-server", help="PATH is one of the server's: nothing is sent.")
    ] = False,
    format_: Annotated[str | None, typer.Option("--format", help="csv, parquet, jsonl or arrow.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What stands between the values of a CSV line.")
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line of a CSV names the columns."),
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="COLUMN=TYPE", help="Type of a column, e.g. zip=VARCHAR."),
    ] = None,
) -> None:
    """Send a file to the engine and register it; prints the dataset."""
    from prismlane.cli.parameters import labels_from

    given = {
        "format": format_,
        "delimiter": delimiter,
        "header": header,
        "types": labels_from(type_ or ()) or None,
    }
    options = {key: value for key, value in given.items() if value is not None}
    session = session_of(ctx)
    with session.client() as client:
        register = client.datasets.register if on_server else client.datasets.add
        with session.messages.step(f"register {path}"):
            dataset = register(path, name=name, **options)
        session.output.item(dataset, _fields())


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The most datasets to show.")] = 50,
) -> None:
    """List datasets, newest first."""
    session = session_of(ctx)
    with session.client() as client:
        found = client.datasets.list(limit=limit, page_size=min(limit, 1000))
        session.output.items(found, _columns())


@app.command()
def show(ctx: typer.Context, dataset: DatasetId) -> None:
    """Show all there is to know of a dataset."""
    from prismlane.cli.prefixes import find_dataset_id

    session = session_of(ctx)
    with session.client() as client:
        session.output.item(client.datasets.get(find_dataset_id(client, dataset)), _fields())


@app.command()
def schema(ctx: typer.Context, dataset: DatasetId) -> None:
    """Show the columns of a dataset."""
    from prismlane.cli.prefixes import find_dataset_id

    session = session_of(ctx)
    with session.client() as client:
        found = client.datasets.schema(find_dataset_id(client, dataset))
    if session.output.is_table:
        columns: Columns = {
            "COLUMN": lambda column: column.name,
            "TYPE": lambda column: column.type,
            "ROLE": lambda column: column.role,
        }
        session.output.items(found.columns, columns)
    else:
        session.output.json(found)


@app.command()
def preview(
    ctx: typer.Context,
    dataset: DatasetId,
    rows: Annotated[int, typer.Option(min=1, help="How many rows.")] = 10,
) -> None:
    """Show the first rows of a dataset."""
    from prismlane.cli.prefixes import find_dataset_id

    session = session_of(ctx)
    with session.client() as client:
        found = client.datasets.preview(find_dataset_id(client, dataset), rows)
    if session.output.is_table:
        session.output.table(found.columns, found.rows)
    else:
        session.output.json(found)


@app.command()
def delete(ctx: typer.Context, dataset: DatasetId) -> None:
    """Forget a dataset; refused while unfinished jobs read it."""
    from prismlane.cli.prefixes import find_dataset_id

    session = session_of(ctx)
    with session.client() as client:
        id_ = find_dataset_id(client, dataset)
        client.datasets.delete(id_)
    session.messages.say(f"deleted {id_}")
