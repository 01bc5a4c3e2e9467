"""AMF0, the encoding of RTMP's commands: pure. Source: "Action Message Format -- AMF 0" (Adobe, 2007), section 2.

Numbers are floats, objects and ECMA arrays are dicts, null and undefined are `None`. References and typed objects,
which no encoder of video sends, are refused.
"""

from __future__ import annotations

import struct
from typing import Final

from relay.errors import PushError

Value = None | bool | float | str | dict[str, "Value"] | list["Value"]

MAX_DEPTH: Final = 8
_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL = 0, 1, 2, 3, 5
_ECMA_ARRAY, _OBJECT_END, _STRICT_ARRAY = 8, 9, 10
_F64, _U16, _U32 = struct.Struct(">d"), struct.Struct(">H"), struct.Struct(">I")


def encode(*values: Value) -> bytes:
    """`values` one after the other. Strings are at most 65535 bytes of UTF-8."""
    return b"".join(_encoded(value) for value in values)


def decode(data: bytes) -> list[Value]:
    """All values in `data`. Raises `PushError` where it is not AMF0."""
    reader = _Reader(data)
    values = []
    try:
        while reader.at < len(data):
            values.append(reader.value())
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise PushError(f"an RTMP command is cut off or is not AMF0: {error}") from None
    return values


def _encoded(value: Value) -> bytes:
    match value:
        case None:
            return bytes([_NULL])
        case bool():
            return bytes([_BOOLEAN, value])
        case int() | float():
            return bytes([_NUMBER]) + _F64.pack(value)
        case str():
            return bytes([_STRING]) + _text(value)
        case list():
            return bytes([_STRICT_ARRAY]) + _U32.pack(len(value)) + encode(*value)
        case _:
            pairs = b"".join(_text(key) + _encoded(item) for key, item in value.items())
            return bytes([_OBJECT]) + pairs + _U16.pack(0) + bytes([_OBJECT_END])


def _text(value: str) -> bytes:
    data = value.encode()
    return _U16.pack(len(data)) + data


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def value(self, depth: int = 0) -> Value:
        if depth > MAX_DEPTH:
            raise PushError(f"an RTMP command is nested more than {MAX_DEPTH} deep")
        marker = self._data[self.at]
        self.at += 1
        if marker in {_OBJECT, _ECMA_ARRAY, _STRICT_ARRAY}:
            return self._collection(marker, depth)
        return self._scalar(marker)

    def _scalar(self, marker: int) -> Value:
        match marker:
            case 0:  # _NUMBER
                return float(self._number(_F64))
            case 1:  # _BOOLEAN
                return self._take(1) != b"\0"
            case 2:  # _STRING
                return self._string(_U16)
            case 12 | 15:  # a long string, XML
                return self._string(_U32)
            case 11:  # a date: milliseconds, and a time zone that is always 0
                milliseconds = float(self._number(_F64))
                self._take(2)
                return milliseconds
            case 5 | 6 | 13:  # _NULL, undefined, unsupported
                return None
            case _:
                raise PushError(f"an RTMP command holds AMF0 type {marker}, which is not read here")

    def _collection(self, marker: int, depth: int) -> Value:
        if marker == _STRICT_ARRAY:
            count = int(self._number(_U32))
            if count > len(self._data) - self.at:  # each value has a byte at least
                raise PushError(f"an RTMP command announces {count} values and does not hold them")
            return [self.value(depth + 1) for _ in range(count)]
        if marker == _ECMA_ARRAY:
            self._take(4)  # how many there are, which encoders get wrong: the end marker says it
        pairs: dict[str, Value] = {}
        while (key := self._string(_U16)) or self._data[self.at] != _OBJECT_END:
            pairs[key] = self.value(depth + 1)
        self.at += 1
        return pairs

    def _number(self, form: struct.Struct) -> float:
        (value,) = form.unpack(self._take(form.size))
        return float(value)

    def _string(self, length: struct.Struct) -> str:
        return self._take(int(self._number(length))).decode()

    def _take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) < count:
            raise PushError("an RTMP command is cut off")
        self.at += count
        return taken
