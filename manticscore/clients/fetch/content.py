"""Bodies: bounded on the wire and bounded unpacked, then decoded to text."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator

from manticscore.clients.fetch.errors import BadContent

GZIP = 16 + zlib.MAX_WBITS
MAX_MEMBERS = 16  # of one gzip stream
ENCODINGS = {"": None, "identity": None, "gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}
SNIFFED = 2048  # bytes in which a page says its charset
META = re.compile(
    rb"""<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}["']?\s{0,5}([a-z0-9_:.-]{2,40})""", re.IGNORECASE
)
XML = re.compile(
    rb"""^\s{0,20}<\?xml[^>]{0,100}?encoding\s{0,5}=\s{0,5}["']([a-z0-9_:.-]{2,40})""", re.IGNORECASE
)
# Only what turns bytes into characters, and nothing that unpacks or runs anything.
CHARSETS = re.compile(
    r"utf-?8|utf-?16(?:le|be)?|us-ascii|ascii|latin-?1|iso-?8859-?\d{1,2}|(?:windows-|cp)125\d|koi8-[ru]"
    r"|gb2312|gbk|gb18030|big5(?:-hkscs)?|shift[_-]jis|sjis|windows-31j|euc-(?:jp|kr)|iso-2022-jp|tis-620"
)
BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
MAX_DAMAGE = 0.01  # share of characters that could not be decoded


def too_large() -> BadContent:
    return BadContent("the page is too large", reason="size")


class Inflater:
    """Unpacks piece by piece and never beyond `limit` bytes in all."""

    def __init__(self, window: int, limit: int) -> None:
        self._window = window
        self._left = limit
        self._members = 1
        self._unpacker = zlib.decompressobj(window)

    def feed(self, data: bytes) -> bytes:
        """What these bytes unpack to. Raises BadContent."""
        unpacked = bytearray()
        while data:
            try:
                unpacked += self._unpacker.decompress(data, self._left + 1 - len(unpacked))
            except zlib.error:
                raise BadContent("the page is compressed wrongly", reason="encoding") from None
            if len(unpacked) > self._left:
                raise too_large()
            data = self._next_member() if self._unpacker.eof else b""
        self._left -= len(unpacked)
        return bytes(unpacked)

    def _next_member(self) -> bytes:
        rest = self._unpacker.unused_data
        if self._window != GZIP or not rest.startswith(b"\x1f\x8b"):
            return b""  # padding
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise BadContent("the page is compressed wrongly", reason="encoding")
        self._unpacker = zlib.decompressobj(self._window)
        return rest

    def end(self) -> None:
        if not self._unpacker.eof:
            raise BadContent("the page is compressed wrongly", reason="encoding")


async def read(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> bytes:
    """The body, unpacked; `limit` holds before and after. Only one layer of packing is taken off."""
    name = encoding.strip().lower()
    if name not in ENCODINGS:
        raise BadContent("the page is compressed in a way we did not ask for", reason="encoding")
    window = ENCODINGS[name]
    inflater = Inflater(window, limit) if window is not None else None
    body, received = bytearray(), 0
    async for chunk in chunks:
        received += len(chunk)
        if received > limit:
            raise too_large()
        body += inflater.feed(chunk) if inflater else chunk
    if inflater and received:
        inflater.end()
    return bytes(body)


def gunzip(data: bytes, limit: int) -> bytes:
    """The content of a .gz file."""
    inflater = Inflater(GZIP, limit)
    content = inflater.feed(data)
    inflater.end()
    return content


def decode(body: bytes, declared: str = "") -> str:
    """The text, by its byte order mark, the declared charset or what the page says of itself, else UTF-8.

    Raises BadContent for what is no text in that charset.
    """
    for mark, charset in BOMS:
        if body.startswith(mark):
            return checked(body[len(mark) :].decode(charset, "replace"))
    found = META.search(body, 0, SNIFFED) or XML.match(body[:SNIFFED])
    for name in (declared, found[1].decode("ascii") if found else ""):
        charset = name.strip("\"' ").lower()
        if charset and CHARSETS.fullmatch(charset):
            try:
                return checked(body.decode(charset, "replace"))
            except LookupError:
                continue
    return checked(body.decode("utf-8", "replace"))


def checked(text: str) -> str:
    damage = text.count("\ufffd") + text.count("\0")
    if damage > MAX_DAMAGE * len(text):
        raise BadContent("the page is not text in its charset", reason="charset")
    return text.replace("\0", "")
