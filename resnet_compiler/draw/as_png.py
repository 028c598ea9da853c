"""SVG as PNG, with resvg and Noto Sans from wheels: no library or font of the system, so the bytes are the same anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

NEEDED = ("resvg_py", "fontpkg_noto_sans")
LONGEST = 8_000
"""Pixels across, or down; what is larger is drawn smaller, so that it fits into memory."""
ZOOM = 2.0


class PngError(Exception):
    """A PNG cannot be made: a package of the extra `png` is missing."""


def png_bytes(svg_text: str, zoom: float = ZOOM) -> bytes:
    """An SVG of `svg_text` as PNG, ``zoom`` pixels for each of its points, or fewer.

    Raises:
        PngError: resvg-py or the font is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise PngError(f"PNG needs {' and '.join(missing)}: pip install 'resnet-compiler[png]'")
    from xml.etree import ElementTree as xml

    import resvg_py

    root = xml.fromstring(svg_text)
    longest = max(float(root.attrib["width"]), float(root.attrib["height"]))

    with faces() as files:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg_text,
                zoom=min(zoom, LONGEST / longest),
                skip_system_fonts=True,
                font_files=files,
                sans_serif_family="Noto Sans",
            )
        )


@contextmanager
def faces() -> Iterator[list[str]]:
    """The paths of the upright faces of Noto Sans."""
    from importlib.resources import as_file, files

    with as_file(files("fontpkg_noto_sans") / "files") as folder:
        found = sorted(folder.glob("*.ttf"))
        yield [path.as_posix() for path in found if "Italic" not in path.name]
