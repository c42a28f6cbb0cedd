"""Makes an SVG safe and small to stand inside a page: what is not known to be harmless is left out."""

import re
from html import escape
from typing import Final
from xml.etree import ElementTree as ET

_SHAPES: Final = frozenset({"path", "rect", "line", "circle", "text", "tspan", "polygon", "polyline"})
_HOLDERS: Final = frozenset({"g", "defs", "clipPath", "linearGradient", "radialGradient"})
_ALLOWED_TAGS: Final = _SHAPES | _HOLDERS | {"svg", "stop"}
_GEOMETRY: Final = frozenset(
    {"d", "transform", "points", "offset", "width", "height", "x", "y", "x1", "x2", "y1", "y2"}
    | {"dx", "dy", "cx", "cy", "r", "fx", "fy", "rx", "ry"}
)
_PAINT: Final = frozenset(
    {"fill", "fill-opacity", "opacity", "stop-color", "stop-opacity", "clip-path", "gradientUnits"}
    | {"stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-dashoffset"}
    | {"stroke-linecap", "stroke-linejoin", "stroke-miterlimit"}
)
_TYPE: Final = frozenset({"font-size", "font-weight", "font-style", "text-anchor"})
_ALLOWED_ATTRIBUTES: Final = _GEOMETRY | _PAINT | _TYPE | {"id"}
_NUMBER: Final = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+e-\d+")
_LOCAL_REFERENCE: Final = re.compile(r"url\(#([\w-]+)\)")
_INVISIBLE_PATHS: Final = frozenset({"", "M0,0h0v0h0Z"})


def cleaned_svg(svg: str, *, uid: str, title: str, description: str) -> str:
    """`svg` (of vl-convert) as one inline element whose ids begin with `uid`, with a title and a description.

    Scripts, styles, links, images and anything else that is not drawing are left out.
    """
    # The text is a renderer's own: no document type, so no entities that could grow.
    root = ET.fromstring(svg)  # noqa: S314 - see above
    prefix = re.sub(r"[^A-Za-z0-9_-]", "-", uid)
    ids = _Ids(prefix)
    shapes = "".join(_element(child, ids) for child in root)
    width, height = (_rounded(root.get(side, "0")) for side in ("width", "height"))
    return (
        f'<svg role="img" aria-labelledby="{prefix}-t {prefix}-d" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
        f'<title id="{prefix}-t">{escape(title)}</title><desc id="{prefix}-d">{escape(description)}</desc>{shapes}</svg>'
    )


class _Ids(dict[str, str]):
    """New ids by the renderer's own, which count on from one drawing to the next."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, old: str) -> str:
        return self.setdefault(old, f"{self._prefix}-{len(self)}")


def _element(node: ET.Element, ids: "_Ids") -> str:
    tag = node.tag.rpartition("}")[2]
    if tag not in _ALLOWED_TAGS or _is_invisible(node, tag):
        return ""
    inner = escape(node.text or "", quote=False) if tag in {"text", "tspan"} else ""
    inner += "".join(_element(child, ids) for child in node)
    attributes = _attributes(node, ids)
    if tag == "g" and (not inner or not attributes):
        return inner
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _is_invisible(node: ET.Element, tag: str) -> bool:
    unpainted = "background" in node.get("class", "").split() and "stroke" not in node.attrib
    empty = tag == "path" and node.get("d", "") in _INVISIBLE_PATHS
    return empty or node.get("display") == "none" or (unpainted and "fill" not in node.attrib)


def _attributes(node: ET.Element, ids: "_Ids") -> str:
    kept = ((key, _value(key, value, ids)) for key, value in node.attrib.items())
    return "".join(f' {key}="{escape(value)}"' for key, value in kept if value)


def _value(key: str, value: str, ids: "_Ids") -> str:
    """The value to write for an attribute, or nothing where it is not to be written."""
    if key not in _ALLOWED_ATTRIBUTES or (key.endswith("opacity") and value == "1"):
        return ""
    if key == "id":
        return ids[value]
    if "url(" in value:
        local = _LOCAL_REFERENCE.fullmatch(value)
        return f"url(#{ids[local[1]]})" if local else ""
    return _rounded(value) if key in _GEOMETRY else value


def _rounded(value: str) -> str:
    return _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
