"""Whether bytes are one JSON text (RFC 8259), told slice by slice so that a large one holds nobody up; pure.

Nothing is built from the text and nothing recurses: what is kept is the open brackets. Runs of plain
members go through one regular expression each; only what is deep or odd is walked step by step.
"""

import codecs
import re
from collections.abc import Callable, Generator
from typing import NoReturn

#: brackets that may be open at once
DEPTH_LIMIT = 1000
#: bytes and steps between two yields: a millisecond or two, whichever is used up first
SLICE = 32 * 1024
_STEPS = 1000

#: Yields between slices; returns why the bytes are not JSON, or None.
Steps = Generator[None, None, str | None]

# Possessive quantifiers throughout: no input makes them try twice.
_SPACE = rb"[ \t\n\r]*+"
_ESCAPE = rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_INSIDE = rb'(?:[^"\\\x00-\x1f]++|' + _ESCAPE + rb")*+"
_STRING = rb'"' + _INSIDE + rb'"'
_ATOM = rb"(?:-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|true|false|null)"
_NAME = _STRING + _SPACE + rb":" + _SPACE
_COMMA = _SPACE + rb"," + _SPACE


def _or_nested(value: bytes) -> bytes:
    """Match `value`, or a list or an object of such."""

    def container(opening: bytes, member: bytes, closing: bytes) -> bytes:
        members = member + rb"(?:" + _COMMA + member + rb")*+" + _SPACE
        return opening + _SPACE + rb"(?:" + members + rb")?+" + closing

    alternatives = (value, container(rb"\[", value, rb"\]"), container(rb"\{", _NAME + value, rb"\}"))
    return rb"(?:" + rb"|".join(alternatives) + rb")"


_VALUE = _or_nested(_or_nested(rb"(?:" + _STRING + rb"|" + _ATOM + rb")"))
#: brackets that _VALUE may open
_AT_ONCE = 2
#: whole members, each with its comma
_OF_LIST = re.compile(rb"(?:" + _VALUE + _COMMA + rb")*+")
_OF_OBJECT = re.compile(rb"(?:" + _NAME + _VALUE + _COMMA + rb")*+")
#: brackets that open right behind each other; names with brackets in them would be miscounted
_OPENING = re.compile(rb'(?:(?:\[|\{[ \t\n\r]*+"[^"\\\x00-\x1f\[{]*+"[ \t\n\r]*+:)[ \t\n\r]*+)++')
_CLOSING = re.compile(rb"(?:[\]}][ \t\n\r]*+)++")
_SPACES, _IN_STRING, _ONE_ESCAPE, _ONE_ATOM = map(re.compile, (_SPACE, _INSIDE, _ESCAPE, _ATOM))

_BUT_OPENING = bytes(set(range(256)) - set(b"[{"))
_CLOSES = bytes.maketrans(b"[{", b"]}")
_LIST, _OBJECT, _QUOTE = b'[{"'


def steps(body: bytes, size: int = SLICE) -> Steps:
    """Look through the body, `size` bytes between two yields."""
    try:
        if not body.isascii():
            yield from _decode(body, size)
        walk = _Walk(body)
        while walk.at < len(body):
            walk.go(min(walk.at + size, len(body)))
            yield
        walk.end()
    except ValueError as error:
        return str(error)
    return None


def _decode(body: bytes, size: int) -> Generator[None, None, None]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(body), size):
        begun = len(decoder.getstate()[0])
        try:
            decoder.decode(body[at : at + size], final=at + size >= len(body))
        except UnicodeDecodeError as error:
            raise ValueError(f"Invalid UTF-8 at byte {at - begun + error.start}") from error
        yield


class _Walk:
    """One text on its way: how far it is read, what is open, and what may come next."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0
        self._open = bytearray()
        #: reads on from `at`, which is no space, not far beyond the place that it is given
        self._next: Callable[[int], None] = self._value
        #: what follows the string that is under way; None: none is
        self._after_string: Callable[[int], None] | None = None

    def go(self, stop: int) -> None:
        """Read on to about `stop`, or for a time. Raises ValueError where it is not JSON."""
        for _ in range(_STEPS):
            if self.at >= stop:
                break
            if self._after_string is not None:
                self._inside(stop, self._after_string)
                continue
            self._take(_SPACES, stop)
            if self.at < stop:
                self._next(stop)

    def end(self) -> None:
        """Raise ValueError if the text may not end here."""
        if self._open or self._after_string is not None or self._next != self._after:
            raise ValueError("Unexpected end")

    def _fail(self) -> NoReturn:
        raise ValueError(f"Unexpected byte at {self.at}")

    def _take(self, pattern: re.Pattern[bytes], stop: int) -> bool:
        match = pattern.match(self._body, self.at, stop)
        if match is None or match.end() == self.at:
            return False
        self.at = match.end()
        return True

    def _value(self, stop: int) -> None:
        if self._in(_LIST) and self._take(_OF_LIST, stop):
            self._next = self._value
            return
        byte = self._body[self.at]
        if byte == _QUOTE:
            self._string(self._after)
        elif byte in {_LIST, _OBJECT}:
            self._opening(stop)
        elif self._take(_ONE_ATOM, len(self._body)):
            self._next = self._after
        else:
            self._fail()

    def _in(self, kind: int) -> bool:
        """Whether the innermost bracket is of that kind, with room for more within."""
        opened = self._open
        return bool(opened) and opened[-1] == kind and len(opened) <= DEPTH_LIMIT - _AT_ONCE

    def _opening(self, stop: int) -> None:
        begun = self.at
        if self._take(_OPENING, stop):
            self._open += self._body[begun : self.at].translate(None, _BUT_OPENING)
            self._next = self._first if self._open[-1] == _LIST else self._value
        else:
            self._open.append(self._body[self.at])
            self.at += 1
            self._next = self._first_name
        if len(self._open) > DEPTH_LIMIT:
            raise ValueError(f"Document nesting depth exceeds the maximum allowed ({DEPTH_LIMIT})")

    def _first(self, stop: int) -> None:
        (self._after if self._body[self.at] == b"]"[0] else self._value)(stop)

    def _first_name(self, stop: int) -> None:
        (self._after if self._body[self.at] == b"}"[0] else self._name)(stop)

    def _name(self, stop: int) -> None:
        if self._in(_OBJECT) and self._take(_OF_OBJECT, stop):
            self._next = self._name
        elif self._body[self.at] == _QUOTE:
            self._string(self._colon)
        else:
            self._fail()

    def _colon(self, _: int) -> None:
        if self._body[self.at] != b":"[0]:
            self._fail()
        self.at += 1
        self._next = self._value

    def _after(self, stop: int) -> None:
        begun = self.at
        if self._take(_CLOSING, stop):
            closing = self._body[begun : self.at].translate(None, b" \t\n\r")
            if self._open[: -len(closing) - 1 : -1].translate(_CLOSES) != closing:
                self.at = begun
                self._fail()
            del self._open[-len(closing) :]
            self._next = self._after
        elif self._open and self._body[begun] == b","[0]:
            self.at += 1
            self._next = self._value if self._open[-1] == _LIST else self._name
        else:
            self._fail()

    def _string(self, then: Callable[[int], None]) -> None:
        self.at += 1
        self._after_string = then

    def _inside(self, stop: int, then: Callable[[int], None]) -> None:
        self._take(_IN_STRING, stop)
        if self.at == stop:
            return
        if self._body[self.at] == _QUOTE:
            self.at += 1
            self._after_string = None
            self._next = then
        # An escape that the slice's end cut in two is whole beyond it.
        elif not self._take(_ONE_ESCAPE, len(self._body)):
            self._fail()
