"""Which kind of file it is, from its first bytes and its name."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from prismlane.common.errors import EmptyDataError, UnreadableDataError, UnsupportedMediaError
from prismlane.common.wire import DataFormat

#: Bytes of the file's beginning that `detect` wants.
HEAD_BYTES = 4096

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_ARROW_FILE = b"ARROW1"
_ARROW_STREAM = b"\xff\xff\xff\xff"
_BY_SUFFIX: dict[str, DataFormat] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".psv", ".tab", ".dat"), "csv"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".parquet", ".pq", ".parq"), "parquet"),
    **dict.fromkeys((".arrow", ".arrows", ".ipc", ".feather"), "arrow"),
}
_MAGIC: dict[DataFormat, tuple[bytes, ...]] = {
    "parquet": (_PARQUET,),
    "arrow": (_ARROW_FILE, _ARROW_STREAM),
}

_SAVE_AS_TABLE = "Save the table as CSV or Parquet and send that."
_UNPACK = "Unpack it and send the file itself, as it is or as .gz."
#: (first bytes, what it is, what to do)
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"\x80\x02", "a Python pickle", "Pickles can run code and are never read: df.to_parquet(...) instead."),
    (b"\x80\x03", "a Python pickle", "Pickles can run code and are never read: df.to_parquet(...) instead."),
    (b"\x80\x04", "a Python pickle", "Pickles can run code and are never read: df.to_parquet(...) instead."),
    (b"\x80\x05", "a Python pickle", "Pickles can run code and are never read: df.to_parquet(...) instead."),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office file (e.g. .xls)", _SAVE_AS_TABLE),
    (b"%PDF", "a PDF document", _SAVE_AS_TABLE),
    (b"\x89PNG", "a PNG picture", "Send a table: CSV, Parquet, JSON lines or Arrow."),
    (b"\xff\xd8\xff", "a JPEG picture", "Send a table: CSV, Parquet, JSON lines or Arrow."),
    (b"GIF8", "a GIF picture", "Send a table: CSV, Parquet, JSON lines or Arrow."),
    (b"SQLite format 3\0", "an SQLite database", "Export the table as CSV or Parquet."),
    (b"\x89HDF", "an HDF5 file", _SAVE_AS_TABLE),
    (b"\x93NUMPY", "a NumPy array", _SAVE_AS_TABLE),
    (b"Obj\x01", "an Avro file", _SAVE_AS_TABLE),
    (b"ORC", "an ORC file", _SAVE_AS_TABLE),
    (
        b"FEA1",
        "a Feather file of version 1",
        "Write it again with pyarrow.feather.write_feather(..., version=2).",
    ),
    (b"PARE", "an encrypted Parquet file", "Decrypt it first."),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", _UNPACK),
    (b"BZh", "compressed with bzip2", _UNPACK),
    (b"\xfd7zXZ", "compressed with xz", _UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x7fELF", "a program", "Send a table: CSV, Parquet, JSON lines or Arrow."),
)
_MARKUP = re.compile(rb"\s*<(!doctype html|html|\?xml|svg|head|body)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Detected:
    """The kind of a file. `format` is None for a gzip file, which has to be looked into."""

    format: DataFormat | None
    gzipped: bool = False


def detect(name: str, head: bytes, given: DataFormat | None = None) -> Detected:
    """The kind of the file called `name` that begins with `head` (`HEAD_BYTES`, or all of a smaller file).

    Unmistakable bytes win over the name; between the text formats the name wins. `given` is what the user says.

    Raises:
        EmptyDataError: the file has no bytes.
        UnsupportedMediaError: it is a kind that is not read; says which.
        UnreadableDataError: it claims to be a kind that its bytes are not.
    """
    if not head:
        raise EmptyDataError(
            f"{name} is empty (0 bytes).", hint="Check that it was written and sent to its end."
        )
    if head.startswith(_GZIP):
        return Detected(None, gzipped=True)
    for format_, magics in _MAGIC.items():
        if head.startswith(magics):
            return Detected(_agreed(name, format_, given))
    _refuse_foreign(name, head)
    claimed = given or _BY_SUFFIX.get(suffix_of(name))
    if claimed in _MAGIC:
        raise UnreadableDataError(
            f"{name} is no {claimed} file: it does not begin like one.",
            hint="Check that it was sent whole and unchanged, or name its real format.",
        )
    return Detected(claimed or _text_format(head))


def suffix_of(name: str) -> str:
    """The suffix that tells the format, in lower case: `.csv` for both a.csv and a.CSV.gz."""
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix in {".gz", ".gzip"} else path.suffix


def _agreed(name: str, found: DataFormat, given: DataFormat | None) -> DataFormat:
    if given is not None and given != found:
        raise UnreadableDataError(
            f"{name} is {found} by its first bytes, not {given}.",
            hint="Leave `format` out, or give the real one.",
        )
    return found


def _refuse_foreign(name: str, head: bytes) -> None:
    for magic, what, hint in _REFUSED:
        if head.startswith(magic):
            raise _unsupported(name, what, hint)
    if head.startswith(b"PK\x03\x04"):
        raise _zip_error(name, head)
    if head[257:262] == b"ustar":
        raise _unsupported(name, "a tar archive", _UNPACK)
    if head[8:12] == b"DUCK":
        raise _unsupported(name, "a DuckDB database", "Export the table: COPY t TO 't.parquet'.")
    if _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise _unsupported(
            name,
            "a web page or XML",
            "Look at it in an editor: it may be an error page instead of the download.",
        )


def _zip_error(name: str, head: bytes) -> UnsupportedMediaError:
    if suffix_of(name) in {".xlsx", ".xlsm"} or b"[Content_Types].xml" in head or b"xl/" in head:
        return _unsupported(name, "an Excel workbook", "Save the sheet as CSV (UTF-8) and send that.")
    return _unsupported(name, "a zip archive", _UNPACK)


def _unsupported(name: str, what: str, hint: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"{name} is {what}; CSV, Parquet, JSON lines and Arrow IPC files are read.",
        hint=hint,
        facts={"found": what},
    )


def _text_format(head: bytes) -> DataFormat:
    return "jsonl" if re.match(rb'(\xef\xbb\xbf)?\s*(\{\s*"|\{\s*\}|\[\s*\{)', head) else "csv"
