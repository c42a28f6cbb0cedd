"""What a column can be used for, from its type."""

import re

from prismlane.engine.data.manifest import Role

_NUMERIC = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "BIGNUM", "FLOAT", "DOUBLE", "DECIMAL"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    }
)
_TEMPORAL = frozenset(
    {
        *("DATE", "TIME", "TIME_NS", "TIME WITH TIME ZONE"),
        *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)
_CATEGORICAL = frozenset({"VARCHAR", "ENUM", "UUID"})
_PARAMETERS = re.compile(r"\([^()]*\)$")


def role_of(type_: str) -> Role:
    """The role of a column of DuckDB type `type_`, e.g. `DECIMAL(10,2)` is numeric and `BIGINT[]` is other."""
    kind = type_ if type_.startswith(("STRUCT", "MAP", "UNION")) else _PARAMETERS.sub("", type_)
    if kind in _NUMERIC:
        return "numeric"
    if kind in _TEMPORAL:
        return "temporal"
    if kind == "BOOLEAN":
        return "boolean"
    return "categorical" if kind in _CATEGORICAL else "other"
