"""What the commands of one call share: where the server is, how to print, how to complain."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from prismlane.cli.configuration import Configuration
from prismlane.cli.messages import Messages

if TYPE_CHECKING:
    from prismlane.cli.output import Output
    from prismlane.client import Client
    from prismlane.client.address import Address


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the command line."""

    configuration: Configuration
    messages: Messages

    @property
    def output(self) -> "Output":
        """Where data are printed."""
        from prismlane.cli.output import Output

        return Output(self.configuration.output.value or "table", self.messages.color)

    @property
    def address(self) -> "Address":
        """The server to speak to, with the key for it."""
        from prismlane.client.address import address_from, read_key_file

        key_file = self.configuration.api_key_file
        # A flag is nearer than PRISMLANE_API_KEY; the other places are farther.
        key = read_key_file(Path(key_file.value)) if key_file.value and self._prefers_key_file else None
        address = address_from(self.configuration.url.value, key)
        self.configuration.refuse_to_leak_the_key(address.is_loopback)
        return address

    @property
    def _prefers_key_file(self) -> bool:
        in_environment = self.configuration.has_key_in_environment
        return self.configuration.api_key_file.origin == "flag" or not in_environment

    def client(self) -> "Client":
        """A client of the server."""
        from prismlane.client import Client

        return Client(self.address.url, self.address.api_key)


def session_of(ctx: typer.Context) -> Session:
    """The session that the main command made."""
    return cast(Session, ctx.find_root().obj)
