"""The picture that stands for a page where its address is shared: drawn here, with a font of this machine."""

import textwrap
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (1200, 630)
_BACK, _FRONT, _SOFT, _BUGGY, _FIXED = "#14213d", "#ffffff", "#b8c4dc", "#ef7070", "#6fcf76"
_MARGIN = 80

Points = tuple[tuple[float, float], ...]


@cache
def _load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow carries a font of its own, so that none has to be fetched or found."""
    return ImageFont.load_default(size)


def draw_social(path: Path, title: str, below: str, curves: tuple[Points, Points] | None = None) -> None:
    """Write the picture of a page, unless the same is there.

    Args:
        path: of the PNG
        title: in large letters
        below: in small letters
        curves: of the buggy and the fixed script, in shares of the width and the height

    """
    image = Image.new("RGB", SIZE, _BACK)
    draw = ImageDraw.Draw(image)
    for points, colour in zip(curves or ((), ()), (_BUGGY, _FIXED), strict=True):
        if len(points) > 1:
            draw.line([_place(point) for point in points], fill=colour, width=6, joint="curve")
    y = _MARGIN
    for line in textwrap.wrap(title, 34)[:3]:
        draw.text((_MARGIN, y), line, font=_load_font(60), fill=_FRONT)
        y += 76
    y += 12
    for line in textwrap.wrap(below, 62)[:2]:
        draw.text((_MARGIN, y), line, font=_load_font(32), fill=_SOFT)
        y += 42
    draw.text((_MARGIN, SIZE[1] - 64), "repro: training failures that run", font=_load_font(28), fill=_SOFT)
    image.quantize(32).save(path, optimize=False)


def _place(point: tuple[float, float]) -> tuple[float, float]:
    """Curves lie in the lower half, below the words."""
    x, y = point
    return _MARGIN + x * (SIZE[0] - 2 * _MARGIN), SIZE[1] - 90 - y * 170
