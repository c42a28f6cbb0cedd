"""The catalogue: which analyses there are, found by entry points and loaded when first asked for."""

import importlib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from prismlane.common.errors import (
    AnalysisNotFoundError,
    AnalysisUnavailableError,
    InvalidParametersError,
)
from prismlane.common.wire import AnalysisView
from prismlane.engine.analyses.contract import Analysis, AnyAnalysis, declared_in
from prismlane.engine.analyses.roles import check_columns, closest, shown
from prismlane.engine.data.manifest import Column

ENTRY_POINT_GROUP = "prismlane.analyses"
MAX_SHOWN_INPUT_CHARS = 100


class EntryPoint(Protocol):
    """What the registry uses of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as in importlib.metadata

    @property
    def extras(self) -> list[str]: ...  # noqa: D102 - as in importlib.metadata

    def load(self) -> Any: ...  # noqa: D102 - as in importlib.metadata


class Registry:
    """The analyses of the installed distributions, and of modules that are named one by one.

    An entry point of the group `prismlane.analyses` is called after its analysis and names its module, or the class
    itself; extras after it (`module [forecast]`) are what it imports beyond the distribution's own requirements. Nothing
    is imported before it is asked for.
    """

    def __init__(
        self, extra_modules: Iterable[str] = (), entry_points: Iterable[EntryPoint] | None = None
    ) -> None:
        found = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
        self._entry_points: Mapping[str, EntryPoint] = {entry.name: entry for entry in found}
        self._classes: dict[str, type[AnyAnalysis]] = {}
        self._unavailable: dict[str, str] = {}
        for module in extra_modules:
            self.add_module(module)

    def add_module(self, module: str) -> None:
        """Import `module` and take in the analyses that it declares.

        Raises:
            ImportError: there is no such module.
        """
        for cls in declared_in(importlib.import_module(module).__name__):
            self._classes[cls.name] = cls

    def names(self) -> list[str]:
        """The names of all analyses, available or not, in alphabetical order."""
        return sorted({*self._entry_points, *self._classes})

    def get(self, name: str) -> type[AnyAnalysis]:
        """The analysis `name`.

        Raises:
            AnalysisNotFoundError: there is none; tells the closest names.
            AnalysisUnavailableError: it is known, but what it imports is not installed.
        """
        if name not in self._classes and name not in self._unavailable:
            self._load(name)
        if name in self._unavailable:
            raise AnalysisUnavailableError(
                f"The analysis `{name}` is not available here.", hint=self._unavailable[name]
            )
        return self._classes[name]

    def views(self) -> list[AnalysisView]:
        """The whole catalogue in alphabetical order, with what is missing where something is."""
        return [self.view(name) for name in self.names()]

    def normalise(
        self, name: str, params: Mapping[str, Any], columns: Sequence[Column] | None
    ) -> dict[str, Any]:
        """`params` checked and with all defaults filled in, as JSON values. `columns`: of the dataset, if there is one.

        Raises:
            AnalysisNotFoundError, AnalysisUnavailableError: as `get`.
            InvalidParametersError: a parameter is unknown, missing or wrong; one entry in `errors` for each.
            UnknownColumnError, WrongTypeError: a named column is not there, or has a wrong type.
        """
        cls = self.get(name)
        try:
            model = cls.params_model.model_validate(dict(params))
        except ValidationError as error:
            raise _invalid(cls, error) from None
        if cls.needs_dataset and columns is None:
            raise InvalidParametersError(
                f"The analysis `{name}` needs a dataset.",
                hint="Name one with `dataset`.",
                errors=[{"pointer": "/dataset", "detail": "missing"}],
            )
        if columns is not None:
            check_columns(model, columns)
        return model.model_dump(mode="json")

    def _load(self, name: str) -> None:
        entry = self._entry_points.get(name)
        if entry is None:
            near = closest(name, self.names())
            raise AnalysisNotFoundError(
                f"There is no analysis {shown(name)}.",
                hint=f"Closest: {', '.join(near)}." if near else "",
                facts={"closest": near},
            )
        try:
            loaded = entry.load()
        except ImportError as error:
            self._unavailable[name] = _what_is_missing(entry, error)
            return
        except Exception as error:  # noqa: BLE001 - one broken plug-in must not hide the others
            self._unavailable[name] = f"fails when it is loaded: {type(error).__name__}: {error}"
            return
        for cls in _classes_of(loaded):
            self._classes.setdefault(cls.name, cls)
        if name not in self._classes:
            self._unavailable[name] = f"its entry point does not declare an analysis called {name!r}"

    def view(self, name: str) -> AnalysisView:
        """The analysis `name` as the catalogue shows it, also where what it imports is missing.

        Raises:
            AnalysisNotFoundError: there is none; tells the closest names.
        """
        try:
            cls = self.get(name)
        except AnalysisUnavailableError as error:
            return AnalysisView(
                name=name, version="", title=name, available=False, unavailable_because=error.hint
            )
        return AnalysisView(
            name=name,
            version=cls.version,
            family=cls.family,
            kind=cls.kind,
            title=cls.title,
            description=cls.description,
            needs_dataset=cls.needs_dataset,
            exactness=cls.promised_exactness,
            params_schema=cls.params_model.model_json_schema(),
            result_schema=cls.out_model.model_json_schema(),
        )


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The registry of this process."""
    return Registry()


def _classes_of(loaded: Any) -> list[type[AnyAnalysis]]:
    if inspect.isclass(loaded) and issubclass(loaded, Analysis):
        return [cls for cls in declared_in(loaded.__module__) if cls is loaded]
    return declared_in(getattr(loaded, "__name__", ""))


def _what_is_missing(entry: EntryPoint, error: ImportError) -> str:
    distribution = getattr(getattr(entry, "dist", None), "name", None) or "prismlane"
    if entry.extras:
        return f"install {distribution}[{','.join(entry.extras)}]"
    return f"cannot be imported: {error}"


def _invalid(cls: type[AnyAnalysis], error: ValidationError) -> InvalidParametersError:
    known = list(cls.params_model.model_fields)
    errors = [
        {"pointer": _pointer(found["loc"]), "detail": _told(dict(found), cls.params_model)}
        for found in error.errors(include_url=False, include_context=False)
    ]
    told = "; ".join(f"{entry['pointer']}: {entry['detail']}" for entry in errors[:3])
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return InvalidParametersError(
        f"The parameters do not fit `{cls.name}`: {told}{more}.",
        hint=f"Its parameters: {', '.join(known)}." if known else "It takes no parameters.",
        errors=errors,
    )


def _pointer(location: Sequence[str | int]) -> str:
    steps = [str(step)[:MAX_SHOWN_INPUT_CHARS].replace("~", "~0").replace("/", "~1") for step in location]
    return "".join(f"/{step}" for step in steps)


def _told(found: Mapping[str, Any], model: type[BaseModel]) -> str:
    if found["type"] == "extra_forbidden":
        near = closest(str(found["loc"][-1]), list(model.model_fields))
        return "unknown parameter" + (f"; closest: {', '.join(near)}" if near else "")
    message = re.sub(r"^([A-Z])", lambda first: first.group().lower(), str(found["msg"]))
    given = repr(found["input"])
    return message if found["type"] == "missing" else f"{message}, not {given[:MAX_SHOWN_INPUT_CHARS]}"
