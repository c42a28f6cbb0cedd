"""Parameters that name a column: which roles they take, and the check against a dataset's columns."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from prismlane.common.errors import UnknownColumnError, WrongTypeError
from prismlane.engine.data.manifest import Column, Role

#: What a parameter shows of a wrong name, so that an error stays readable.
MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class ColumnRole:
    """Marks a `str` parameter as the name of a column, and says which roles the column may have."""

    name: str
    accepts: frozenset[Role]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "x-prismlane-role": self.name}


Numeric = Annotated[str, ColumnRole("numeric", frozenset({"numeric"}))]
Temporal = Annotated[str, ColumnRole("temporal", frozenset({"temporal"}))]
Categorical = Annotated[str, ColumnRole("categorical", frozenset({"categorical", "boolean"}))]
AnyColumn = Annotated[
    str, ColumnRole("any", frozenset({"numeric", "temporal", "categorical", "boolean", "other"}))
]


def check_columns(params: BaseModel, columns: Sequence[Column]) -> None:
    """Check that every column that `params` names is there and has a role that the parameter takes.

    Raises:
        UnknownColumnError: a name is not a column; tells the closest names.
        WrongTypeError: a column has a role that the parameter does not take.
    """
    by_name = {column.name: column for column in columns}
    for parameter, role, name in named_columns(params):
        if name not in by_name:
            raise _unknown(parameter, name, list(by_name))
        column = by_name[name]
        if column.role not in role.accepts:
            raise _wrong_type(parameter, role, column)


def named_columns(params: BaseModel) -> Iterator[tuple[str, ColumnRole, str]]:
    """Each column that `params` names, as (parameter, role, column's name)."""
    for parameter, field in type(params).model_fields.items():
        role = role_of(field.annotation, field.metadata)
        if role is None:
            continue
        value = getattr(params, parameter)
        names = [value] if isinstance(value, str) else list(value or ())
        for name in names:
            yield parameter, role, name


def role_of(annotation: Any, metadata: Sequence[Any] = ()) -> ColumnRole | None:
    """The role that marks `annotation`, also inside a list, a tuple or an optional; None without one."""
    for mark in metadata:
        if isinstance(mark, ColumnRole):
            return mark
    for part in get_args(annotation):
        if isinstance(part, ColumnRole):
            return part
        found = role_of(part)
        if found is not None:
            return found
    return None


def closest(name: str, names: Sequence[str]) -> list[str]:
    """At most three of `names` that look like `name`, best first; case does not count."""
    folded: Mapping[str, str] = {known[:200].casefold(): known for known in reversed(names)}
    near = difflib.get_close_matches(name[:200].casefold(), list(folded), n=3, cutoff=0.6)
    return [folded[match] for match in near]


def shown(name: str) -> str:
    """`name` in double quotes, cut where it is very long."""
    cut = name if len(name) <= MAX_NAME_CHARS else f"{name[: MAX_NAME_CHARS - 1]}…"
    return f'"{cut}"'


def _unknown(parameter: str, name: str, names: Sequence[str]) -> UnknownColumnError:
    near = closest(name, names)
    detail = f"{shown(name)} is not a column of the dataset ({len(names)} columns)."
    hint = f"Closest: {', '.join(shown(match) for match in near)}." if near else "See the dataset's schema."
    return UnknownColumnError(
        detail,
        hint=hint,
        facts={"column": name, "parameter": parameter, "closest": near, "n_columns": len(names)},
        errors=[{"pointer": f"/{parameter}", "detail": detail}],
    )


def _wrong_type(parameter: str, role: ColumnRole, column: Column) -> WrongTypeError:
    detail = f"Parameter `{parameter}` takes a {role.name} column; {shown(column.name)} is {column.type}."
    return WrongTypeError(
        detail,
        hint="Pick another column, or register the dataset again with a type for this one.",
        facts={"column": column.name, "parameter": parameter, "type": column.type, "wanted": role.name},
        errors=[{"pointer": f"/{parameter}", "detail": detail}],
    )
