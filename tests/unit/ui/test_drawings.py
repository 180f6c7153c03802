"""Small drawings put each value where it belongs."""

import datetime as dt
import re
from types import SimpleNamespace

from django.utils import timezone
from django.utils.translation import override

from portal.ui import drawings
from portal.ui.lineage import layout, shortened


def rects(svg):
    return [
        tuple(map(float, found))
        for found in re.findall(r'x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    ]


def test_a_sparkline_puts_the_highest_on_top_and_marks_the_last():
    svg = drawings.spark((1, 3, 2), label="three", target=2)
    assert 'd="M1 25L43 3L85 14"' in svg
    assert 'cx="85.0" cy="14.0"' in svg
    assert 'y1="14.0"' in svg


def test_a_sparkline_of_equal_values_lies_in_the_middle():
    assert "M1 14L85 14" in drawings.spark((5, 5), label="flat")


def test_a_gap_lifts_the_pen_and_the_last_known_value_is_marked():
    svg = drawings.spark((1, None, 2, None), label="gap")
    assert svg.count("M") >= 2
    assert 'cx="57.0"' in svg


def test_nothing_is_drawn_of_nothing():
    assert drawings.spark((None,), label="none") == ""
    assert drawings.hist([]) == drawings.hist([0, 0]) == ""
    assert drawings.history([], label="none") == ""


def test_a_histogram_fills_its_height_and_keeps_small_values_visible():
    bars = rects(drawings.hist([1000, 500, 1, 0]))
    assert [bar[3] for bar in bars] == [20, 10, 1, 0]
    assert bars[0][0] == 0
    assert bars[-1][0] + bars[-1][2] <= 84
    assert all(bar[1] + bar[3] == 20 for bar in bars)


def test_a_bar_stays_inside_and_a_sliver_can_be_seen():
    assert 'x="0" width="68.0"' in drawings.bar(0.68)
    assert 'width="100.0"' in drawings.bar(7)
    assert 'x="63.0" width="37.0"' in drawings.bar(0.9, start=0.63)
    assert 'width="1.0"' in drawings.bar(0.0001)
    assert "unknown" in drawings.bar(None)


def test_past_runs_link_to_their_pages():
    svg = drawings.history([drawings.Bar(2, "bad", "<7>", "/runs/7/")], label="one run")
    assert 'href="/runs/7/"' in svg
    assert "&lt;7&gt;" in svg
    assert 'class="bad"' in svg


def node(label):
    return SimpleNamespace(label=label, url="/x/", icon="data", tone="")


def test_lineage_joins_every_neighbour_with_the_thing_in_the_middle():
    here = node("flights")
    graph = layout([node("a"), node("b")], here, [node("c")])
    assert len(graph.edges) == 3
    (middle,) = [box for box in graph.boxes if box.here]
    assert all(0 <= box.y <= graph.height - 32 for box in graph.boxes)
    assert all(box.x + 200 <= graph.width for box in graph.boxes)
    assert middle.x == 298.5


def test_lineage_without_neighbours_is_one_box():
    graph = layout([], node("alone"), [])
    assert (len(graph.boxes), graph.edges) == (1, [])


def test_a_long_label_is_cut_and_hangul_counts_double():
    assert shortened("short") == "short"
    assert shortened("a" * 40) == "a" * 24 + "…"
    assert shortened("가" * 20) == "가" * 11 + "…"


def test_lines_of_a_log_say_what_was_written_and_nothing_else() -> None:
    at = dt.datetime(2026, 3, 1, 6, 40, 12, tzinfo=dt.UTC)
    lines = [
        SimpleNamespace(number=7, at=at, level="warn", message='</span><script>alert(1)</script> "x" & y'),
        SimpleNamespace(number=8, at=None, level="<b>", message="plain"),
    ]
    with timezone.override("UTC"), override("ko"):
        drawn = drawings.log_lines(lines)
    assert '<li class="w" id="L7">' in drawn
    assert '<time datetime="2026-03-01T06:40:12+00:00">06:40:12</time>' in drawn
    assert "&lt;/span&gt;&lt;script&gt;alert(1)&lt;/script&gt; &quot;x&quot; &amp; y" in drawn
    assert '<li id="L8">' in drawn
    assert "<time>–</time>" in drawn
    assert "<script" not in drawn
    assert "<b>" not in drawn
    assert "줄" in drawn
