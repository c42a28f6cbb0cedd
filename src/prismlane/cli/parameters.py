"""Parameters of an analysis from the command line: `-P key=value`, read as the analysis's schema says."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prismlane.common.errors import InvalidRequestError


def parameters_from(pairs: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `pairs` give.

    A value is JSON where it parses as JSON, else a text. Where the schema wants a list, `a,b` is a list of texts;
    where it wants a text, the value is taken as it stands.

    Args:
        pairs: each `key=value`.
        schema: the JSON Schema of the analysis's parameters.

    Raises:
        InvalidRequestError: a pair has no `=`, or a key is given twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise InvalidRequestError(f'"{pair}" is no parameter', hint="Write it as -P key=value")
        if key in found:
            raise InvalidRequestError(f'the parameter "{key}" is given twice')
        found[key] = _value(text, _types(schema.get("properties", {}).get(key, {}), schema))
    return found


def _value(text: str, types: set[str]) -> Any:
    if types and types <= {"string", "null"}:
        return None if text == "null" and "null" in types else text
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = text
    if "array" in types and not isinstance(value, list) and value is not None:
        return [part.strip() for part in text.split(",")]
    return value


def _types(schema: Mapping[str, Any], root: Mapping[str, Any]) -> set[str]:
    """The JSON types that `schema` allows; empty where it does not say."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _types(root.get("$defs", {}).get(name, {}), root)
    alternatives = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    if alternatives:
        return {type_ for each in alternatives for type_ in _types(each, root)}
    types = schema.get("type", [])
    return {types} if isinstance(types, str) else set(types)


def labels_from(pairs: Sequence[str]) -> dict[str, str]:
    """Labels from `key=value` pairs.

    Raises:
        InvalidRequestError: a pair has no `=`.
    """
    found = [pair.partition("=") for pair in pairs]
    for pair, (key, equals, _) in zip(pairs, found, strict=True):
        if not equals or not key:
            raise InvalidRequestError(f'"{pair}" is no label', hint="Write it as --label key=value")
    return {key: value for key, _, value in found}
