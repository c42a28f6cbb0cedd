"""The history of the schema. A release adds a revision; a revision that was released is never changed."""

from typing import Final

#: The newest revision: a database that has it needs no migration.
HEAD: Final = "v0001"
