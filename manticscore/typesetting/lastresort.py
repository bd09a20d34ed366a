"""A font for letters that no installed font has: empty boxes to the eye, but text to search and copy.

Fonts of all scripts are hundreds of megabytes and are not shipped; where the system has them, they are used.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._g_l_y_f import Glyph

FAMILY = "Last Resort Boxes"
EM = 1000
LAST_PLAIN = "\u024f"  # of the Latin letters, which every font has


def letters_beyond_latin(text: str) -> set[str]:
    return {letter for letter in text if letter > LAST_PLAIN and letter.isprintable()}


def write(path: Path, letters: Collection[str]) -> None:
    """A TrueType font with a box for each of the letters."""
    names = {ord(letter): f"u{ord(letter):x}" for letter in sorted(letters)}
    builder = FontBuilder(EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf(dict.fromkeys([".notdef", *names.values()], box()))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (EM, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": FAMILY, "styleName": "Regular", "psName": FAMILY.replace(" ", "")})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)


def box() -> Glyph:
    pen = TTGlyphPen(None)
    for corners in (
        ((100, 0), (100, 700), (900, 700), (900, 0)),
        ((150, 50), (850, 50), (850, 650), (150, 650)),
    ):
        pen.moveTo(corners[0])
        for corner in corners[1:]:
            pen.lineTo(corner)
        pen.closePath()
    return pen.glyph()
