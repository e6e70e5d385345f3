"""The consultant's brand as the template wants it: colours that stay legible, and the logo inside the page."""

from __future__ import annotations

import base64
import re
from pathlib import Path

PRIMARY = "#0b3a5b"
ACCENT = "#2e86c1"
INK = "#1d2733"
WHITE = "#ffffff"
LEGIBLE = 4.5
LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


def colours(primary: str | None = None, accent: str | None = None) -> dict[str, str]:
    """The template's CSS variables for two colours ``#rrggbb``; what is not such a colour gives way to the default.

    ``primary`` and ``accent`` fill surfaces as they are. Text takes ``on-primary`` (on the primary), ``heading`` and
    ``label`` (on white): the same colours where they can be read, else darker ones.
    """
    main, second = _colour(primary, PRIMARY), _colour(accent, ACCENT)
    is_dark = contrast(main, WHITE) >= LEGIBLE
    return {
        "primary": main,
        "accent": second,
        "on-primary": WHITE if is_dark else INK,
        "heading": main if is_dark else INK,
        "label": _legible(second),
    }


def _colour(given: str | None, default: str) -> str:
    return given if given and re.fullmatch(r"#[0-9a-fA-F]{6}", given) else default


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, relative luminance)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _legible(colour: str) -> str:
    """The colour, darkened step by step until small text in it can be read on white."""
    while contrast(colour, WHITE) < LEGIBLE:
        colour = "#" + "".join(f"{int(int(colour[place : place + 2], 16) * 0.94):02x}" for place in (1, 3, 5))
    return colour


def logo_source(path: Path | None) -> str:
    """An SVG or PNG file as a ``data:`` address; empty without a logo."""
    if path is None:
        return ""
    return f"data:{LOGO_TYPES[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"
