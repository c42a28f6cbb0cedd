import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from xml.etree import ElementTree as ET

import pytest

from prismlane.common.wire import Chart
from prismlane.engine.reports import charts
from prismlane.engine.reports.svg import render_svg
from prismlane.engine.reports.svg_cleaning import cleaned_svg

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">{}</svg>'


def bar_of(*names, title="T", alt="A", name="c"):
    rows = [{"name": text, "share": 1 / (i + 1)} for i, text in enumerate(names)]
    return charts.bar(name, title, alt, rows, category="name", value="share")


def chart_of(**spec):
    return Chart(name="c", title="T", alt="A", spec={"data": {"values": [{"a": 1}]}, **spec})


@pytest.fixture
def asked():
    """Paths that were asked of a server that would answer any request."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'[{"a": 1}]')

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def test_the_svg_is_named_described_and_as_wide_as_asked():
    root = ET.fromstring(render_svg(bar_of("a", title="Nulls & more", alt="a > b"), width_px=320))
    assert root.get("role") == "img"
    assert root.get("width") == "320"
    assert root.get("viewBox").startswith("0 0 320 ")
    title, description = root[0], root[1]
    assert (title.text, description.text) == ("Nulls & more", "a > b")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_equal_charts_give_equal_bytes():
    assert render_svg(bar_of("a", "b"), width_px=320) == render_svg(bar_of("a", "b"), width_px=320)


def test_two_drawings_with_gradients_share_no_id():
    rows = [{"a": 1, "b": 2, "v": 0.5}]
    chart = charts.heat_map("cor", "T", "A", rows, x="a", y="b", value="v", domain=(-1, 1))
    page = render_svg(chart, width_px=300, uid="cor-1") + render_svg(chart, width_px=600, uid="cor-2")
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) >= 6
    assert {f"#{id_}" for id_ in ids} >= set(re.findall(r"url\((#[^)]+)\)", page)) != set()


def test_text_and_lines_take_the_colour_of_the_page_and_the_background_is_clear():
    svg = render_svg(bar_of("a"), width_px=320)
    assert 'fill="currentColor"' in svg
    assert 'fill="white"' not in svg
    assert "font-family" not in svg


def test_nothing_in_a_drawing_needs_an_inline_style():
    assert not re.search(r"\b(style|class)=", render_svg(bar_of("a"), width_px=320))


@pytest.mark.parametrize(
    "hostile", ["</text><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "]]>"]
)
def test_markup_in_data_and_titles_is_text(hostile):
    svg = render_svg(bar_of(hostile, title=hostile, alt=hostile, name=hostile), width_px=900)
    root = ET.fromstring(svg)
    tags = {node.tag for node in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "path", "line", "text", "rect", "defs", "clipPath"}
    assert root[0].text == hostile


def test_control_characters_and_surrogates_in_data_do_not_end_the_process():
    svg = render_svg(bar_of("a\x00b", "\x1b[31m", "\ud800", "\u202eabc"), width_px=600)
    assert "a⟨U+0000⟩b" in svg
    assert "⟨U+D800⟩" in svg


def test_long_names_are_cut_and_still_differ():
    names = ["x" * 5000, "x" * 2500 + "y" + "x" * 2499, "ع" * 5000]
    svg = render_svg(bar_of(*names), width_px=320)
    assert len(svg) < 10_000
    assert svg.count("xxx…") == 2
    assert len(set(re.findall(r'<path d="M0,[^"]+" fill="#0072B2"', svg))) == 3


def test_a_long_title_of_an_axis_is_cut():
    chart = charts.histogram("h", "T", "A", [0, 1], [1], x_title="x" * 5000)
    assert len(chart.spec["encoding"]["x"]["axis"]["title"]) < 100
    assert len(render_svg(chart, width_px=320)) < 10_000


@pytest.mark.parametrize("scheme", ["http", "data", "file"])
def test_a_spec_that_refers_outside_is_refused_and_nothing_is_fetched(asked, scheme):
    address, paths = asked
    urls = {
        "http": f"{address}/x.json",
        "data": 'data:application/json,[{"a": 77}]',
        "file": "file:///etc/hostname",
    }
    data = {"url": urls[scheme]}
    with pytest.raises(ValueError, match="refers to something outside itself"):
        render_svg(chart_of(data=data, mark="point"), width_px=300)
    with pytest.raises(ValueError, match="refers to something outside itself"):
        render_svg(
            chart_of(layer=[{"mark": {"type": "image", "url": urls[scheme], "width": 9}}]), width_px=300
        )
    assert paths == []


def test_a_url_reached_by_a_field_is_not_fetched_and_not_in_the_drawing(asked):
    address, paths = asked
    rows = [{"url": f"{address}/x.png"}]
    with pytest.raises(ValueError, match="url"):
        render_svg(
            chart_of(data={"values": rows}, mark="image", encoding={"url": {"field": "url"}}), width_px=300
        )
    svg = render_svg(
        chart_of(data={"values": rows}, mark="text", encoding={"text": {"field": "url"}}), width_px=300
    )
    assert paths == []
    assert "href" not in svg


def test_a_broken_spec_is_an_error_and_the_next_chart_is_drawn():
    with pytest.raises(ValueError, match="chart 'c' cannot be drawn"):
        render_svg(chart_of(mark="no-such-mark"), width_px=300)
    assert "<text" in render_svg(bar_of("a"), width_px=300)


def test_too_many_marks_are_refused():
    with pytest.raises(ValueError, match="5,001 marks"):
        render_svg(chart_of(data={"values": [{"a": 1}] * 5001}, mark="point"), width_px=300)


@pytest.mark.parametrize(
    "element",
    [
        "<script>alert(1)</script>",
        "<style>@import url(http://evil)</style>",
        '<a xlink:href="javascript:alert(1)"><text>x</text></a>',
        '<image xlink:href="http://evil/x.png"/>',
        "<foreignObject><b>x</b></foreignObject>",
        '<use href="http://evil#x"/>',
    ],
)
def test_elements_that_are_no_drawing_are_left_out(element):
    assert cleaned_svg(SVG.format(element), uid="u", title="t", description="d").endswith("</desc></svg>")


@pytest.mark.parametrize(
    "attribute",
    ['onload="alert(1)"', 'style="fill:url(http://evil)"', 'fill="url(http://evil#x)"', 'class="x"'],
)
def test_attributes_that_are_no_drawing_are_left_out(attribute):
    svg = cleaned_svg(SVG.format(f'<rect width="5" {attribute}/>'), uid="u", title="t", description="d")
    assert '<rect width="5"/>' in svg
