"""`prismlane`: the command line. It loads what a command needs when the command runs, so that help is quick."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from prismlane.cli import analyses, datasets, jobs
from prismlane.cli.configuration import load_configuration
from prismlane.cli.demo import demo
from prismlane.cli.doctor import doctor
from prismlane.cli.exit_codes import FAILED, exit_code_of
from prismlane.cli.global_options import hoisted
from prismlane.cli.messages import Messages
from prismlane.cli.run import run
from prismlane.cli.session import Session
from prismlane.cli.up import down, status, up
from prismlane.common.errors import PrismlaneError


class PrismlaneGroup(TyperGroup):
    """The main command: global options may stand anywhere, and errors are told instead of thrown."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args` with the global options at their front."""
        return super().parse_args(ctx, hoisted(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error becomes its text on stderr and its exit code."""
        try:
            return super().invoke(ctx)
        except PrismlaneError as error:
            _messages(ctx).error(error)
            raise typer.Exit(exit_code_of(error)) from error
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError, EOFError):
            raise
        except Exception as error:
            _messages(ctx).defect(error)
            raise typer.Exit(FAILED) from error


def _messages(ctx: Any) -> Messages:
    told_so_far = ctx.find_root().obj
    return told_so_far.messages if isinstance(told_so_far, Session) else told_so_far or Messages()


app = typer.Typer(
    cls=PrismlaneGroup,
    no_args_is_help=True,
    # Plain help: Rich's takes longer to load than all the rest.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        import prismlane

        typer.echo(f"prismlane {prismlane.__version__}")
        raise typer.Exit


@app.callback(epilog="The options above may also stand behind a command: prismlane jobs list --json")
def prismlane(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(help="The server's URL (PRISMLANE_URL).")] = None,
    api_key_file: Annotated[
        str | None, typer.Option(help="A file with the API key (PRISMLANE_API_KEY_FILE).")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="table|json|ndjson", help="How to print data.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --output json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell of errors only.")] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Tell more; errors with traces.")
    ] = 0,
    color: Annotated[str, typer.Option(metavar="auto|always|never", help="Whether to use colours.")] = "auto",
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Analyses of tabular data as durable, concurrent jobs. Try: prismlane demo"""
    if color not in {"auto", "always", "never"}:
        raise typer.BadParameter("one of auto, always, never", param_hint="--color")
    messages = Messages(-1 if quiet else verbose, color)
    # Known before the configuration is read: its errors are told in the same manner.
    ctx.obj = messages
    flags = {"url": url, "api_key_file": api_key_file, "output": "json" if json else output}
    ctx.obj = Session(load_configuration(flags), messages)


app.command()(demo)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(doctor)
app.command()(run)
app.add_typer(jobs.app, name="jobs")
app.add_typer(datasets.app, name="datasets")
app.add_typer(analyses.app, name="analyses")


def main() -> None:
    """The entry point of the command `prismlane`."""
    app(prog_name="prismlane")
