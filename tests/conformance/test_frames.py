"""RFC 6455 frame by frame: what is sent as raw bytes, and exactly what comes back."""

from __future__ import annotations

import pytest

from tests.helpers.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, Wire, close, frame

NORMAL, PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1000, 1002, 1007, 1009
MIB = 1024 * 1024
KOSME = "κόσμε".encode()
OVERLONG_SLASH = b"\xc0\xaf"
SURROGATE = b"\xed\xa0\x80"
BEYOND_UNICODE = b"\xf4\x90\x80\x80"


def text(payload: bytes = b"", **changes: object) -> bytes:
    return frame(TEXT, payload, **changes)  # type: ignore[arg-type]


def fragments(*payloads: bytes, opcode: int = TEXT, between: bytes = b"") -> bytes:
    """A message in pieces, with other frames between them."""
    last = len(payloads) - 1
    pieces = [
        frame(CONTINUATION if index else opcode, payload, final=index == last)
        for index, payload in enumerate(payloads)
    ]
    return between.join(pieces)


# What is sent; the frames that come back; whether the server then closes, with which code.
Case = tuple[bytes, list[Frame], int | None]

ACCEPTED: dict[str, Case] = {
    "empty text": (text(), [], None),  # daphne hands no empty message over to be echoed
    "short text": (text(b"hello"), [Frame(TEXT, b"hello")], None),
    "125 bytes": (text(b"x" * 125), [Frame(TEXT, b"x" * 125)], None),
    "126 bytes": (text(b"x" * 126), [Frame(TEXT, b"x" * 126)], None),
    "65,535 bytes": (text(b"x" * 65535), [Frame(TEXT, b"x" * 65535)], None),
    "65,536 bytes": (text(b"x" * 65536), [Frame(TEXT, b"x" * 65536)], None),
    "largest message": (text(b"x" * MIB), [Frame(TEXT, b"x" * MIB)], None),
    "binary": (frame(BINARY, b"\x00\xff"), [Frame(BINARY, b"\x00\xff")], None),
    "UTF-8": (text(KOSME), [Frame(TEXT, KOSME)], None),
    "U+0000": (text(b"\x00"), [Frame(TEXT, b"\x00")], None),
    "U+10FFFF": (text(b"\xf4\x8f\xbf\xbf"), [Frame(TEXT, b"\xf4\x8f\xbf\xbf")], None),
    "noncharacter": (text(b"\xef\xbf\xbf"), [Frame(TEXT, b"\xef\xbf\xbf")], None),
    "two messages at once": (text(b"a") + text(b"b"), [Frame(TEXT, b"a"), Frame(TEXT, b"b")], None),
    "two fragments": (fragments(b"hel", b"lo"), [Frame(TEXT, b"hello")], None),
    "empty fragments": (fragments(b"", b"x", b""), [Frame(TEXT, b"x")], None),
    "binary in fragments": (fragments(b"\xff", b"\xfe", opcode=BINARY), [Frame(BINARY, b"\xff\xfe")], None),
    "a hundred fragments": (fragments(*[b"x"] * 100), [Frame(TEXT, b"x" * 100)], None),
    "code point across fragments": (fragments(KOSME[:1], KOSME[1:]), [Frame(TEXT, KOSME)], None),
    "every byte a fragment": (
        fragments(*[KOSME[at : at + 1] for at in range(len(KOSME))]),
        [Frame(TEXT, KOSME)],
        None,
    ),
    "ping between fragments": (
        fragments(b"a", b"b", between=frame(PING, b"!")),
        [Frame(PONG, b"!"), Frame(TEXT, b"ab")],
        None,
    ),
    "pong between fragments": (fragments(b"a", b"b", between=frame(PONG)), [Frame(TEXT, b"ab")], None),
    "ping inside a code point": (
        fragments(KOSME[:1], KOSME[1:], between=frame(PING)),
        [Frame(PONG, b""), Frame(TEXT, KOSME)],
        None,
    ),
    "empty ping": (frame(PING), [Frame(PONG, b"")], None),
    "ping of 125 bytes": (frame(PING, b"p" * 125), [Frame(PONG, b"p" * 125)], None),
    "binary ping": (frame(PING, b"\xfe\xff"), [Frame(PONG, b"\xfe\xff")], None),
    "ten pings": (
        b"".join(frame(PING, bytes((at,))) for at in range(10)),
        [Frame(PONG, bytes((at,))) for at in range(10)],
        None,
    ),
    "pong nobody asked for": (frame(PONG, b"surprise"), [], None),
    "pong of 125 bytes": (frame(PONG, b"p" * 125), [], None),
}

REFUSED: dict[str, Case] = {
    "unmasked": (text(b"x", masked=False), [], PROTOCOL_ERROR),
    "unmasked ping": (frame(PING, masked=False), [], PROTOCOL_ERROR),
    "RSV1 without compression": (text(b"x", rsv=4), [], PROTOCOL_ERROR),
    "RSV2": (text(b"x", rsv=2), [], PROTOCOL_ERROR),
    "RSV3": (text(b"x", rsv=1), [], PROTOCOL_ERROR),
    "RSV on a ping": (frame(PING, rsv=7), [], PROTOCOL_ERROR),
    **{f"opcode {number}": (frame(number), [], PROTOCOL_ERROR) for number in (3, 4, 5, 6, 7)},
    **{f"opcode {number}": (frame(number), [], PROTOCOL_ERROR) for number in (11, 12, 13, 14, 15)},
    "ping of 126 bytes": (frame(PING, b"p" * 126), [], PROTOCOL_ERROR),
    "pong of 126 bytes": (frame(PONG, b"p" * 126), [], PROTOCOL_ERROR),
    "close of 126 bytes": (close(NORMAL, b"r" * 124), [], PROTOCOL_ERROR),
    "ping in fragments": (frame(PING, final=False), [], PROTOCOL_ERROR),
    "close in fragments": (frame(CLOSE, final=False), [], PROTOCOL_ERROR),
    "continuation of nothing": (frame(CONTINUATION, b"x"), [], PROTOCOL_ERROR),
    "unfinished continuation of nothing": (frame(CONTINUATION, b"x", final=False), [], PROTOCOL_ERROR),
    "message inside a message": (text(b"a", final=False) + text(b"b"), [], PROTOCOL_ERROR),
    "16-bit length that fits 7": (text(b"x" * 5, length=b"\x7e\x00\x05"), [], PROTOCOL_ERROR),
    "64-bit length that fits 16": (text(b"x", length=b"\x7f" + b"\x00" * 7 + b"\x01"), [], PROTOCOL_ERROR),
    "length with the highest bit": (text(length=b"\x7f\xff" + b"\x00" * 7), [], PROTOCOL_ERROR),
    "message of a byte too many": (text(b"x" * (MIB + 1)), [], TOO_BIG),
    "fragments of a byte too many": (fragments(b"x" * MIB, b"x"), [], TOO_BIG),
    "length of a terabyte": (text(length=b"\x7f" + (1 << 40).to_bytes(8, "big")), [], TOO_BIG),
    "lone continuation byte": (text(b"\x80"), [], INVALID_DATA),
    "byte that is never used": (text(b"\xff"), [], INVALID_DATA),
    "overlong slash": (text(OVERLONG_SLASH), [], INVALID_DATA),
    "surrogate": (text(SURROGATE), [], INVALID_DATA),
    "beyond Unicode": (text(BEYOND_UNICODE), [], INVALID_DATA),
    "code point cut off": (text(KOSME[:-1]), [], INVALID_DATA),
    "code point cut off by the last fragment": (fragments(KOSME, KOSME[:1]), [], INVALID_DATA),
    "invalid in the first fragment": (text(b"\xff", final=False), [], INVALID_DATA),
    "invalid across fragments": (fragments(b"\xc0", b"\xaf"), [], INVALID_DATA),
    "nothing after the error counts": (text(b"\xff") + text(b"x") + frame(PING), [], INVALID_DATA),
}

VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999]
INVALID_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]

CLOSED: dict[str, Case] = {
    "close without a code": (close(), [], NORMAL),
    "close with a reason": (close(NORMAL, b"bye"), [], NORMAL),
    "close with the longest reason": (close(NORMAL, b"r" * 123), [], NORMAL),
    "close with a UTF-8 reason": (close(4000, KOSME), [], NORMAL),
    "close with a reason that is not UTF-8": (close(NORMAL, b"\xff"), [], INVALID_DATA),
    "close with a reason cut off": (close(NORMAL, KOSME[:1]), [], INVALID_DATA),
    "close of one byte": (frame(CLOSE, b"\x03"), [], PROTOCOL_ERROR),
    "close inside a message": (text(b"a", final=False) + close(NORMAL), [], NORMAL),
    "nothing after a close counts": (close(NORMAL) + frame(PING) + text(b"x"), [], NORMAL),
    "two closes": (close(NORMAL) + close(4000), [], NORMAL),
    **{f"close {code}": (close(code), [], NORMAL) for code in VALID_CODES},
    **{f"close {code}": (close(code), [], PROTOCOL_ERROR) for code in INVALID_CODES},
}

CASES = ACCEPTED | REFUSED | CLOSED


@pytest.mark.parametrize("name", CASES)
def test_case(wire: Wire, name: str) -> None:
    sent, answers, code = CASES[name]
    wire.open().send(sent)
    assert [wire.frame() for _ in answers] == answers
    if code is None:
        assert_open_and_quiet(wire)
    else:
        assert_closed(wire, code)


def assert_open_and_quiet(wire: Wire) -> None:
    wire.send(frame(PING, b"still there?"))
    assert wire.frame() == Frame(PONG, b"still there?")


def assert_closed(wire: Wire, code: int) -> None:
    """A close frame with the code, and an end in order, not a reset, even while we still talk."""
    last = wire.frame()
    assert (last.opcode, last.code) == (CLOSE, code)
    assert wire.rest() == b""


@pytest.mark.parametrize("name", ["short text", "126 bytes", "UTF-8", "ping between fragments", "close 1000"])
def test_byte_by_byte(wire: Wire, name: str) -> None:
    sent, answers, code = CASES[name]
    wire.open()
    for at in range(len(sent)):
        wire.send(sent[at : at + 1])
    assert [wire.frame() for _ in answers] == answers
    if code is not None:
        assert_closed(wire, code)


def test_continuation_after_the_end(wire: Wire) -> None:
    wire.open().send(fragments(b"a", b"b"))
    assert wire.frame() == Frame(TEXT, b"ab")
    wire.send(frame(CONTINUATION, b"c"))
    assert_closed(wire, PROTOCOL_ERROR)


def test_client_that_leaves_without_a_word(wire: Wire) -> None:
    wire.open().send(text(b"half", length=b"\x7e\x10\x00"))
    wire.socket.shutdown(1)
    assert wire.rest() == b"", "the server closes as well"


def test_closing_by_the_application_waits_for_our_answer(wire: Wire) -> None:
    wire.open("/close?4001")
    assert wire.frame() == Frame(CLOSE, b"\x0f\xa1so be it")
    wire.send(text(b"too late") + close(4001))
    assert wire.rest() == b""


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013, 4003])
def test_codes_an_application_may_close_with(wire: Wire, code: int) -> None:
    wire.open(f"/close?{code}")
    assert wire.frame() == Frame(CLOSE, code.to_bytes(2, "big") + b"so be it")


def test_application_that_fails(wire: Wire) -> None:
    wire.open("/fails")
    assert_closed_by_failure(wire)


def assert_closed_by_failure(wire: Wire) -> None:
    last = wire.frame()
    assert (last.opcode, last.code) == (CLOSE, 1011)


def test_frames_of_the_application_go_out_as_they_are(wire: Wire) -> None:
    wire.open("/frames")
    assert [wire.frame(), wire.frame()] == [Frame(TEXT, b"one"), Frame(TEXT, b"two" * 60_000)]


def test_messages_to_clients_may_be_larger_than_theirs(wire: Wire) -> None:
    wire.open("/large")
    assert wire.frame() == Frame(TEXT, b"x" * (2 * MIB))
