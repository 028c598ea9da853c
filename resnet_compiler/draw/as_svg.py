"""Figures as SVG: one file that shows the same anywhere, without scripts, links or fonts of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree import ElementTree as xml

from resnet_compiler.characters import escaped
from resnet_compiler.draw.palette import MUTED, PAPER, STROKES, TEXT, tone
from resnet_compiler.draw.primitives import Box, Figure, Label, Path, Point

FACES = "'Noto Sans', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
TIP, TIP_WIDTH = 5.0, 4.4


def svg_text(figure: Figure) -> str:
    """A figure as the text of an SVG file. Each box of a node, block or stage has its name as `data-name`."""
    size = {"width": _number(figure.width), "height": _number(figure.height)}
    root = xml.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            **size,
            "viewBox": f"0 0 {size['width']} {size['height']}",
            "role": "img",
            "aria-labelledby": "title description",
            "font-family": FACES,
        },
    )
    xml.SubElement(root, "title", {"id": "title"}).text = escaped(figure.title)
    xml.SubElement(root, "desc", {"id": "description"}).text = escaped(figure.description)
    xml.SubElement(root, "rect", {**size, "fill": PAPER})
    for item in figure.items:
        if isinstance(item, Box):
            _box(root, item)
        elif isinstance(item, Path):
            _path(root, item)
        else:
            _label(root, item)
    xml.indent(root, space="")
    return xml.tostring(root, encoding="unicode") + "\n"


def _number(value: float) -> str:
    """A length, to a hundredth, without zeros behind."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _box(root: xml.Element, box: Box) -> None:
    names = {"data-name": box.name} if box.name else {}
    group = xml.SubElement(root, "g", names)
    if box.note:
        xml.SubElement(group, "title").text = escaped(box.note)
    colors = tone(box.color)
    if box.shape == "join":
        x, y, radius = box.x + box.width / 2, box.y + box.height / 2, box.width / 2
        style = {"fill": PAPER, "stroke": TEXT, "stroke-width": "1.1"}
        center = {"cx": _number(x), "cy": _number(y), "r": _number(radius)}
        xml.SubElement(group, "circle", {**center, **style})
        arm = radius * 0.55
        cross = [(x - arm, y), (x + arm, y)], [(x, y - arm), (x, y + arm)]
        lines = " ".join(_moves(line) for line in cross)
        xml.SubElement(group, "path", {"d": lines, "stroke": TEXT, "stroke-width": "1.1"})
        return
    fill, stroke, corner = {
        "box": (colors.fill, colors.edge, 2.0),
        "pill": (PAPER, colors.edge, box.height / 2),
        "frame": (PAPER, colors.edge, 4.0),
        "panel": (colors.panel, "none", 4.0),
        "banner": (colors.fill, "none", 4.0),
    }[box.shape]
    style = {"fill": fill, "rx": _number(corner)}
    if stroke != "none":
        style |= {"stroke": stroke, "stroke-width": "0.4" if box.shape == "frame" else "0.8"}
    place = {"x": _number(box.x), "y": _number(box.y)}
    extent = {"width": _number(box.width), "height": _number(box.height)}
    xml.SubElement(group, "rect", {**place, **extent, **style})
    for label in box.labels:
        _label(group, label)


def _label(parent: xml.Element, label: Label) -> None:
    style = {"font-size": _number(label.size), "fill": MUTED if label.muted else TEXT}
    if label.anchor != "start":
        style["text-anchor"] = label.anchor
    if label.bold:
        style["font-weight"] = "bold"
    place = {"x": _number(label.x), "y": _number(label.y)}
    xml.SubElement(parent, "text", {**place, **style}).text = escaped(label.text)


def _path(root: xml.Element, path: Path) -> None:
    stroke = STROKES[path.kind]
    points = list(path.points)
    if path.arrow:
        points[-1] = _toward(points[-1], points[-2], TIP * 0.8)
    style = {"fill": "none", "stroke": stroke.color, "stroke-width": _number(stroke.width)}
    if stroke.dashes:
        style |= {"stroke-dasharray": stroke.dashes, "stroke-linecap": "round"}
    names = {"data-source": path.source, "data-target": path.target, "data-kind": path.kind}
    known = {key: value for key, value in names.items() if value and path.target}
    xml.SubElement(root, "path", {"d": _rounded(points, path.radius), **style, **known})
    if path.arrow:
        tip = _tip(path.points[-1], path.points[-2])
        xml.SubElement(root, "path", {"d": f"{_moves(tip)}Z", "fill": stroke.color})


def _moves(points: Sequence[Point]) -> str:
    (x, y), *rest = points
    lines = "".join(f"L{_number(a)} {_number(b)}" for a, b in rest)
    return f"M{_number(x)} {_number(y)}{lines}"


def _rounded(points: Sequence[Point], radius: float) -> str:
    """Lines through points with round corners."""
    corners = [points[0]]
    for point in points[1:]:  # equal ones have no direction
        if math.dist(point, corners[-1]) > 0.01:
            corners.append(point)
    text = f"M{_number(corners[0][0])} {_number(corners[0][1])}"
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        room = min(radius, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        (a, b), (c, d) = _toward(corner, before, room), _toward(corner, after, room)
        text += f"L{_number(a)} {_number(b)}Q{_number(corner[0])} {_number(corner[1])} "
        text += f"{_number(c)} {_number(d)}"
    x, y = corners[-1]
    return f"{text}L{_number(x)} {_number(y)}"


def _toward(start: Point, end: Point, length: float) -> Point:
    """The point at a distance from one toward another."""
    whole = math.dist(start, end) or 1.0
    part = min(length / whole, 1.0)
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


def _tip(end: Point, before: Point) -> list[Point]:
    """The triangle at the end of an arrow."""
    length = math.dist(end, before) or 1.0
    dx, dy = (end[0] - before[0]) / length, (end[1] - before[1]) / length
    x, y = end[0] - dx * TIP, end[1] - dy * TIP
    half = TIP_WIDTH / 2
    return [end, (x - dy * half, y + dx * half), (x + dy * half, y - dx * half)]
