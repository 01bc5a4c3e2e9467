"""What players say in the field's vocabulary: CMCD, versions 1 and 2 (CTA-5004, CTA-5004-B), with requests or by POST.

The rules of CTA-5004-B for servers: a key that is not known is ignored; so is a value that is not good, and nothing
else with it; order means nothing; where a request has CMCD in its headers, that in its query is ignored; a set whose
`v` is above what is understood is ignored whole. On the wire it is a dictionary of structured fields (RFC 9651 §3.2),
of which a strict parser refuses all for one bad member; here members are found one by one, and each is checked alone.

Players are sloppy, and are understood where there is no doubt: Shaka sends `br=260` with `v=2`, which wants an inner
list, and hls.js ends its events with a line feed. Nothing here raises, whatever comes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from relay.sessions.said import Cmcd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEADERS: Final = ("CMCD-Session", "CMCD-Request", "CMCD-Object", "CMCD-Status")
HIGHEST_VERSION: Final = 2
_PARAMETER: Final = "CMCD="
MAX_RECORD_CHARACTERS: Final = 8192
"""As long as a request's line may be. What is longer is no record."""
MAX_MEMBERS: Final = 64
"""CTA-5004-B has 57 keys. What comes after so many is not read."""
MAX_RECORDS: Final = 256
"""A player sends a few events at a time, and when it is closed all that wait: those of our page are at most 200."""

_MAX_NUMBER: Final = 10**15
_MAX_SID: Final = 64
_MAX_CID: Final = 128
_MAX_VIEWER: Final = 128
_MAX_ERROR_CODES: Final = 8
_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_MEMBER: Final = re.compile(
    r"[ \t]*([A-Za-z*][A-Za-z0-9_.*-]{0,63})"
    rf'(?:=({_STRING}|\((?:[^"()]++|{_STRING})*+\)|[^,"();]*))?'
    r'(?:;[^,"]*)?[ \t]*(?:,|$)'
)
_ITEM: Final = re.compile(rf'({_STRING}|[^\s;"]+)((?:;[a-z]+(?:=[^\s;]*)?)*)')
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)
_ERROR_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_ESCAPE: Final = re.compile(r"\\(.)")
_OBJECT_TYPES: Final = frozenset(("m", "a", "v", "av", "i", "c", "tt", "k", "o"))
_STATES: Final = frozenset("spkraefqd")
_EVENTS: Final = frozenset(
    ("ps", "e", "t", "rr", "bc", "c", "h", "b", "m", "um", "pe", "pc", "pr", "sk", "as", "ae", "abs", "abe", "ce")
)
_FLAGS: Final = {"": True, "?1": True, "true": True, "?0": False, "false": False}
_LIVENESS: Final = {"v": False, "l": True, "ll": True}


class Event(NamedTuple):
    """One line of event mode. `viewer` is what our own page adds under the custom key `relay-viewer`: its token."""

    event: str
    ts_ms: int
    cmcd: Cmcd
    viewer: str | None = None
    sequence: int | None = None
    response_status: int | None = None


class Events(NamedTuple):
    """The events of a body, and how many of its lines were `ignored`: of a newer version, or without `e` and `ts`."""

    records: list[Event]
    ignored: int


def parse_query(query: str) -> Cmcd | None:
    """What the value of a request's `CMCD=` says, once percent-decoded; None if nothing of it is understood."""
    fields = _plain_fields(query)
    if fields is None:
        fields = _fields(query, _REQUEST_KEYS)
    return Cmcd(**fields) if fields else None


def value_in(query: str) -> str:
    """The value of `CMCD=` in a percent-encoded query, decoded; empty where there is none."""
    if _PARAMETER not in query:
        return ""
    pairs = query.split("&")
    return next((_decoded(pair[len(_PARAMETER) :]) for pair in pairs if pair.startswith(_PARAMETER)), "")


def _decoded(text: str) -> str:
    """As `unquote`, in a quarter of the time where nothing is encoded but what every player's CMCD is made of."""
    text = text.replace("%2C", ",").replace("%3D", "=").replace("%22", '"')
    return unquote(text) if "%" in text else text


def parse_headers(headers: Mapping[str, str]) -> Cmcd | None:
    """What the four CMCD headers say. A key counts in whichever of them it stands."""
    return parse_query(joined_headers(headers))


def joined_headers(headers: Mapping[str, str]) -> str:
    """The CMCD headers as the one dictionary that they are parts of; empty where there are none."""
    return ",".join([value for name in HEADERS if (value := headers.get(name))])


def parse_events(body: bytes) -> Events:
    """What a body of event mode says: a record a line, as `application/cmcd` (and formerly `text/cmcd`) has them."""
    records: list[Event] = []
    ignored = 0
    for line in body.decode("utf-8", "replace").splitlines():
        if not line.strip():
            continue
        event = _event(line) if len(records) < MAX_RECORDS else None
        if event is None:
            ignored += 1
        else:
            records.append(event)
    return Events(records, ignored)


def _event(line: str) -> Event | None:
    fields = _fields(line, _EVENT_KEYS)
    name, ts_ms = fields.pop("event", None), fields.pop("ts_ms", None)
    viewer = fields.pop("viewer", None)
    sequence = fields.pop("sequence", None)
    status = fields.pop("response_status", None)
    if name is None or ts_ms is None:
        return None
    return Event(name, ts_ms, Cmcd(**fields), viewer, sequence, status)


def _fields(text: str, keys: Mapping[str, tuple[str, Callable[[str], object]]]) -> dict[str, Any]:
    """The fields of `Cmcd` that are in `text` and good. Of a key that is repeated the last counts (RFC 9651 §4.2.2)."""
    fields: dict[str, Any] = {}
    if len(text) > MAX_RECORD_CHARACTERS:
        return fields
    position, length = 0, len(text)
    for _ in range(MAX_MEMBERS):
        if position >= length:
            break
        found = _MEMBER.match(text, position)
        if found is None:  # a member that is none: the next begins after the next comma
            position = text.find(",", position) + 1 or length
            continue
        position = found.end()
        known = keys.get(found[1])
        if known is not None and (value := known[1]((found[2] or "").strip())) is not None:
            fields[known[0]] = value
    return {} if fields.get("version", 1) > HIGHEST_VERSION else fields


def _plain_fields(text: str) -> dict[str, Any] | None:
    """As `_fields` for a request whose members are what stands between commas; None where that is not sure."""
    if len(text) > MAX_RECORD_CHARACTERS:
        return None
    members = text.split(",")
    if len(members) > MAX_MEMBERS:
        return None
    fields: dict[str, Any] = {}
    for member in members:
        is_sure, name, value = _plain_member(member)
        if not is_sure:
            return None
        if name:
            fields[name] = value
    return {} if fields.get("version", 1) > HIGHEST_VERSION else fields


@lru_cache(maxsize=4096)  # players round what they say to hundreds, and say the rest again with each request
def _plain_member(text: str) -> tuple[bool, str, object]:
    """Whether `text` is a member by itself and no piece of one; the field and value that it is, if it is a good one."""
    found = _MEMBER.fullmatch(text)
    if found is None:
        return False, "", None
    known = _REQUEST_KEYS.get(found[1])
    value = None if known is None else known[1]((found[2] or "").strip())
    return True, "" if known is None or value is None else known[0], value


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _items(text: str) -> list[tuple[str, str]]:
    """The items of an inner list with their parameters, or the one that stands where a list should."""
    return _ITEM.findall(text[1:-1] if text.startswith("(") else text)


def _whole(text: str) -> int | None:
    """A whole number from zero up; of an inner list the video's, else the audiovisual's, else the first."""
    plain = text[1:-1] if text[:1] == "(" else text
    if plain.isascii() and plain.isdigit():
        return int(plain) if len(plain) <= 15 else None
    best: tuple[int, int] | None = None
    for item, parameters in _items(text):
        number = _number(item)
        if number is not None:
            rank = {";v": 0, ";av": 1}.get(parameters, 2)
            if best is None or rank < best[0]:
                best = rank, round(number)
    return best[1] if best else None


def _total(text: str) -> int | None:
    """The sum of an inner list of whole numbers."""
    numbers = [number for item, _ in _items(text) if (number := _number(item)) is not None]
    return min(round(sum(numbers)), _MAX_NUMBER) if numbers else None


def _plain(text: str) -> str:
    """A string without its quotes; a token as it is, for players that leave the quotes out."""
    return _ESCAPE.sub(r"\1", text[1:-1]) if text[:1] == '"' else text


def _text(most: int) -> Callable[[str], str | None]:
    def parse(text: str) -> str | None:
        value = _plain(text)
        return value if 0 < len(value) <= most and text[0] != "(" else None

    return parse


def _one_of(known: frozenset[str]) -> Callable[[str], str | None]:
    def parse(text: str) -> str | None:
        value = _plain(text)
        return value if value in known else None

    return parse


def _liveness(text: str) -> bool | None:
    return _LIVENESS.get(_plain(text))


def _error_codes(text: str) -> tuple[str, ...] | None:
    codes = [code for item, _ in _items(text) if _ERROR_CODE.fullmatch(code := _plain(item))]
    return tuple(dict.fromkeys(codes[:_MAX_ERROR_CODES])) or None


_REQUEST_KEYS: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    "v": ("version", _whole),
    "sid": ("sid", _text(_MAX_SID)),
    "cid": ("cid", _text(_MAX_CID)),
    "ot": ("object_type", _one_of(_OBJECT_TYPES)),
    "br": ("br_kbps", _whole),
    "pb": ("pb_kbps", _whole),
    "tb": ("tb_kbps", _whole),
    "bl": ("bl_ms", _whole),
    "mtp": ("mtp_kbps", _whole),
    "dl": ("dl_ms", _whole),
    "rtp": ("rtp_kbps", _whole),
    "d": ("d_ms", _whole),
    "pr": ("playback_rate", _number),
    "bs": ("has_starved", _FLAGS.get),
    "su": ("is_urgent", _FLAGS.get),
    "bg": ("is_background", _FLAGS.get),
    "sta": ("state", _one_of(_STATES)),
    "st": ("is_live", _liveness),
    "msd": ("startup_ms", _whole),
    "bsd": ("stall_ms", _total),
    "bsa": ("stalls_total", _whole),
    "bsda": ("stall_total_ms", _whole),
    "ltc": ("latency_ms", _whole),
    "dfa": ("dropped_frames", _whole),
    "pt": ("playhead_ms", _whole),
    "ec": ("error_codes", _error_codes),
}
_EVENT_KEYS: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    **_REQUEST_KEYS,
    "e": ("event", _one_of(_EVENTS)),
    "ts": ("ts_ms", _whole),
    "sn": ("sequence", _whole),
    "rc": ("response_status", _whole),
    "relay-viewer": ("viewer", _text(_MAX_VIEWER)),
}
