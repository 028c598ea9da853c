"""Pictures from files: five formats, known by their content, of a bounded number of pixels. Needs pillow.

No other decoder of Pillow's is asked, so that no picture starts a program (as EPS starts Ghostscript).
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from resnet_compiler.support.read import MIB, ReadError, content, decoding

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What the names of pictures end in; what a file is, its content decides."""
MOST_BYTES = 256 * MIB
MOST_PIXELS = 64 * MIB
"""Of a picture: 8192 × 8192."""
_GREY = ("1", "L", "LA", "La")


def is_grey(picture: Image) -> bool:
    """Whether a picture that `read_picture` gave has one channel, transparency apart."""
    return picture.mode in _GREY


def read_picture(path: os.PathLike[str] | str) -> Image:
    """A picture, decoded: 8 bits a channel, in whatever mode it was stored. Of several frames, the first.

    Grey pictures of 16 bits are scaled, so that 65535 becomes 255.

    Raises:
        ReadError: it is no picture of these formats, is damaged, has too many pixels, or pixels of another type.
    """
    from PIL import Image

    data = content(path, MOST_BYTES)
    what = f"it is no picture, or a damaged one; {', '.join(FORMATS)} are read"
    with decoding(path, what), Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MOST_PIXELS:
            size = f"{width:,} × {height:,} pixels"
            raise ReadError(path, f"it has {size}; pictures of up to {MOST_PIXELS:,} are read")
        picture.load()
        if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
            return _scaled(picture)
        if picture.mode in ("I", "F"):
            raise ReadError(path, "its pixels are numbers of 32 bits; save it with 8 or 16")
        return picture.copy()


def _scaled(picture: Image) -> Image:
    """A grey picture of 16 bits with 8."""
    import numpy as np
    from PIL import Image

    values = np.asarray(picture).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
