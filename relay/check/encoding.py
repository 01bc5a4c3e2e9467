"""Content-Encoding, undone within bounds: a kilobyte of zeros can claim to be a gigabyte."""

from __future__ import annotations

import zlib
from typing import Final

_GZIP_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS
_IDENTITY: Final = {"", "identity"}


class EncodingError(ValueError):
    """A body that is not what its Content-Encoding says, or too large once it is undone."""


def decoded(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """`body` without `encoding`, the value of a Content-Encoding. Raises `EncodingError`."""
    name = encoding.strip().lower()
    if name in _IDENTITY:
        return body
    if name not in {"gzip", "x-gzip", "deflate"}:
        raise EncodingError(f"Content-Encoding {encoding!r} was not asked for")
    inflater = zlib.decompressobj(zlib.MAX_WBITS if name == "deflate" else _GZIP_WINDOW_BITS)
    try:
        content = inflater.decompress(body, limit_bytes)
    except zlib.error as error:
        raise EncodingError(f"the body is not {name}: {error}") from error
    if inflater.unconsumed_tail:
        raise EncodingError(f"the body is over {limit_bytes} bytes once it is unpacked")
    if not inflater.eof:
        raise EncodingError(f"the body's {name} ends in the middle")
    return content
