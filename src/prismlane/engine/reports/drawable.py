"""Makes any specification safe to hand to the renderer, which trusts what it is given."""

from collections.abc import Mapping
from typing import Any, Final

from prismlane.engine.reports.charts.frame import Spec
from prismlane.engine.reports.text import shortened, visible

#: More is never drawn, and to measure a text of thousands of characters takes the renderer seconds.
_MAX_TEXT: Final = 80
#: A drawing has no use for them; to prepare what is shown on pointing takes a third of the time.
_NEEDLESS: Final = frozenset({"title", "usermeta", "description"})


def drawable(name: str, spec: Mapping[str, Any]) -> Spec:
    """`spec` of the chart `name` with visible characters alone and its texts cut to what can be drawn.

    Texts in the data that differ still differ when they are cut. A control character would end the whole process inside
    the renderer, so each is written as its code point.

    Raises:
        ValueError: the specification refers to something outside itself.
    """
    preparation = _Preparation(name)
    return {
        key: preparation.of_spec(child) if key != "datasets" else preparation.of_data(child)
        for key, child in spec.items()
        if key not in _NEEDLESS
    }


class _Preparation:
    """One walk through a specification."""

    def __init__(self, name: str) -> None:
        self._name = name
        #: Texts of the data as they are drawn, by what they were, and the other way round.
        self._drawn: dict[str, str] = {}
        self._taken: set[str] = set()

    def of_spec(self, node: Any) -> Any:
        if isinstance(node, str):
            return visible(node)
        if isinstance(node, list | tuple):
            return [self.of_spec(child) for child in node]
        if not isinstance(node, Mapping):
            return node
        if found := {"url", "href"} & node.keys():
            raise ValueError(
                f"chart {self._name!r} refers to something outside itself ({', '.join(sorted(found))})"
            )
        return {
            visible(key): self.of_data(child)
            if key == "values" and isinstance(child, list)
            else self.of_spec(child)
            for key, child in node.items()
            if key != "tooltip"
        }

    def of_data(self, node: Any) -> Any:
        if isinstance(node, str):
            return self._text(node)
        if isinstance(node, list | tuple):
            return [self.of_data(child) for child in node]
        if isinstance(node, Mapping):
            return {visible(key): self.of_data(child) for key, child in node.items()}
        return node

    def _text(self, text: str) -> str:
        if text not in self._drawn:
            cut = shown = shortened(visible(text), _MAX_TEXT)
            number = 1
            while shown in self._taken:
                number += 1
                shown = f"{cut} ({number})"
            self._taken.add(shown)
            self._drawn[text] = shown
        return self._drawn[text]
