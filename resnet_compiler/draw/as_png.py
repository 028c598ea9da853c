"""SVG as PNG, with resvg and Noto Sans from wheels: no library or font of the system, so the bytes are the same anywhere."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = ("resvg_py", "fontpkg_noto_sans")
LONGEST = 16_000
"""Pixels; what is larger is drawn smaller."""


class PngError(Exception):
    """A PNG cannot be made: a package of the extra `png` is missing."""


def png_bytes(svg_text: str, zoom: float = 2.0) -> bytes:
    """An SVG of `svg_text` as PNG, ``zoom`` pixels for each of its points.

    Raises:
        PngError: resvg-py or the font is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise PngError(f"PNG needs {' and '.join(missing)}: pip install 'resnet-compiler[png]'")
    from importlib.resources import as_file, files

    import resvg_py

    with as_file(files("fontpkg_noto_sans") / "files") as folder:
        faces = sorted(
            path.as_posix() for path in folder.glob("*.ttf") if "Italic" not in path.name
        )
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg_text,
                zoom=zoom,
                skip_system_fonts=True,
                font_files=faces,
                sans_serif_family="Noto Sans",
            )
        )
