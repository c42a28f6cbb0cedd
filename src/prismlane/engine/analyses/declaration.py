"""What is checked when an analysis is declared: its name, its class, its models."""

import inspect
import re
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from prismlane.engine.analyses.contract import Analysis

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


def check_name(name: str, version: str) -> None:
    """Raise TypeError where the name or the version is none."""
    if not _NAME.match(name):
        raise TypeError(f"the name of an analysis is lower case letters, digits and _; not {name!r}")
    if not version:
        raise TypeError(f"analysis {name!r} has no version")


def check_class(cls: "type[Analysis[Any, Any]]") -> None:
    """Raise TypeError where the class is of no kind, lacks a method or has no docstring."""
    if not hasattr(cls, "kind"):
        raise TypeError(f"{cls.__name__} is no PartitionAnalysis, GroupAnalysis or TableAnalysis")
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise TypeError(f"{cls.__name__} does not define {', '.join(missing)}")
    if not (cls.__doc__ or "").strip():
        raise TypeError(f"{cls.__name__} has no docstring; its first line is the analysis's title")


def models_of(cls: "type[Analysis[Any, Any]]", root: type) -> tuple[type[BaseModel], ...]:
    """The models that `cls` gives to the generic base below `root`; raises TypeError without them."""
    for ancestor in cls.__mro__:
        for base in getattr(ancestor, "__orig_bases__", ()):
            origin = get_origin(base)
            if not (inspect.isclass(origin) and issubclass(origin, root)):
                continue
            models = get_args(base)
            if all(inspect.isclass(model) and issubclass(model, BaseModel) for model in models):
                return models
    raise TypeError(
        f"{cls.__name__} does not name its models; derive it as PartitionAnalysis[Params, State, Out], "
        "GroupAnalysis[Params, Out] or TableAnalysis[Params, Out] with pydantic models"
    )


def check_params(cls: "type[Analysis[Any, Any]]", model: type[BaseModel]) -> None:
    """Raise TypeError where the model of parameters takes unknown fields, can change, or lacks a description."""
    config = model.model_config
    where = f"{model.__name__}, the parameters of {cls.__name__},"
    if config.get("extra") != "forbid":
        raise TypeError(f'{where} must refuse unknown fields: ConfigDict(extra="forbid", frozen=True)')
    if not config.get("frozen"):
        raise TypeError(f'{where} must be frozen: ConfigDict(extra="forbid", frozen=True)')
    silent = [name for name, field in model.model_fields.items() if not field.description]
    if silent:
        raise TypeError(f"{where} must describe every field; no description: {', '.join(silent)}")


def title_and_description(cls: "type[Analysis[Any, Any]]") -> tuple[str, str]:
    """The first line of the class's docstring, and the rest."""
    text = inspect.cleandoc(cls.__doc__ or "")
    title, _, rest = text.partition("\n")
    return title.strip().rstrip("."), rest.strip()
