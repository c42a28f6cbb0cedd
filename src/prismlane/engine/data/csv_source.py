"""CSV files and how they were read."""

from collections.abc import Mapping
from typing import Any

from prismlane.engine.data.conversion import Conversion
from prismlane.engine.data.csv_reading import CsvReading
from prismlane.engine.data.plain_text import plain_text

#: Texts that mean a missing value, unless the user gives others. An empty cell always does.
NULL_VALUES = ("", "NA", "N/A", "NULL", "null", "NaN")


def convert_csv(conversion: Conversion) -> Mapping[str, Any]:
    """Write the table of a CSV file; returns how the file was read.

    Raises:
        EmptyDataError: it holds no text.
        UnreadableDataError: it is no text, or a line or value of it does not fit; says which.
        UnknownColumnError: a type is asked for a column that it has not.
    """
    given = conversion.options.null_values
    nulls = NULL_VALUES if given is None else ("", *(text for text in given if text))
    wanted = [b'"', *(text.encode() for text in nulls if text)]
    path, facts, encoding = plain_text(conversion, wanted, unify_newlines=True)
    dialect, columns = CsvReading(conversion, path, facts, nulls).convert()
    return {
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": dialect.header,
        "skip": dialect.skip,
        "encoding": encoding,
        "date_format": dialect.date_format or None,
        "timestamp_format": dialect.timestamp_format or None,
        "null_values": list(nulls),
        "types": {column.name: column.cast.type for column in columns},
    }
