"""What a comparison is: subjects that do the same work, one of which the others are measured against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Subject:
    """One way to do the work. `module` has `measure(quick, **options)`, which gives `Figures`."""

    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    #: False for the peers.
    is_product: bool = False


@dataclass(frozen=True)
class Comparison:
    """Subjects by name. Every figure of every subject is also given as a ratio to that of `baseline`."""

    name: str
    baseline: str
    subjects: Mapping[str, Subject]


#: Name of a figure -> (value, unit).
Figures = dict[str, tuple[float, str]]
