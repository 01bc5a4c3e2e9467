"""Which attributes a tag needs and how their values are written, as a table; and the rules that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, must
from relay.check.tags import Tag, Uri, read_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Form(StrEnum):
    """How an attribute's value is written (RFC 8216bis §4.2), as a regular expression."""

    INTEGER = r"[0-9]{1,20}"
    DECIMAL = r"[0-9]{1,20}(\.[0-9]{1,20})?"
    SIGNED = r"-?[0-9]{1,20}(\.[0-9]{1,20})?"
    QUOTED = r'"[^"\r\n]*"'
    NAME = r'[^",\s]+'
    YES = "YES"
    YES_NO = "YES|NO"
    HEX = "0[xX][0-9A-Fa-f]{1,32}"
    RESOLUTION = "[1-9][0-9]{0,4}x[1-9][0-9]{0,4}"


class Scope(StrEnum):
    """The kind of playlist a tag may stand in."""

    MEDIA = "media"
    MULTIVARIANT = "multivariant"


@dataclass(frozen=True, slots=True)
class Grammar:
    """A tag's attributes. `rule_of` names another rule than the tag's own for some of them."""

    rule: str
    clause: str
    required: tuple[str, ...] = ()
    forms: Mapping[str, Form] = field(default_factory=dict)
    rule_of: Mapping[str, str] = field(default_factory=dict)


_STREAM_FORMS: Final = {
    "BANDWIDTH": Form.INTEGER,
    "AVERAGE-BANDWIDTH": Form.INTEGER,
    "SCORE": Form.DECIMAL,
    "CODECS": Form.QUOTED,
    "SUPPLEMENTAL-CODECS": Form.QUOTED,
    "RESOLUTION": Form.RESOLUTION,
    "FRAME-RATE": Form.DECIMAL,
    "VIDEO-RANGE": Form.NAME,
    "AUDIO": Form.QUOTED,
    "VIDEO": Form.QUOTED,
    "SUBTITLES": Form.QUOTED,
    "PATHWAY-ID": Form.QUOTED,
    "URI": Form.QUOTED,
}
_STREAM_RULES: Final = {
    "AVERAGE-BANDWIDTH": "V2",
    "CODECS": "V3",
    "RESOLUTION": "V4",
    "FRAME-RATE": "V4",
    "AUDIO": "V8",
    "SCORE": "V10",
    "VIDEO-RANGE": "V10",
    "PATHWAY-ID": "V11",
}

GRAMMARS: Final[Mapping[str, Grammar]] = {
    "EXT-X-STREAM-INF": Grammar("V1", "RFC 8216bis §4.4.6.2", ("BANDWIDTH",), _STREAM_FORMS, _STREAM_RULES),
    "EXT-X-I-FRAME-STREAM-INF": Grammar(
        "V9", "RFC 8216bis §4.4.6.3", ("BANDWIDTH", "CODECS", "RESOLUTION", "URI"), _STREAM_FORMS
    ),
    "EXT-X-MEDIA": Grammar(
        "V8",
        "RFC 8216bis §4.4.6.1",
        ("TYPE", "GROUP-ID", "NAME"),
        {
            "TYPE": Form.NAME,
            "URI": Form.QUOTED,
            "GROUP-ID": Form.QUOTED,
            "LANGUAGE": Form.QUOTED,
            "NAME": Form.QUOTED,
            "DEFAULT": Form.YES_NO,
            "AUTOSELECT": Form.YES_NO,
            "FORCED": Form.YES_NO,
            "INSTREAM-ID": Form.QUOTED,
            "CHANNELS": Form.QUOTED,
        },
    ),
    "EXT-X-CONTENT-STEERING": Grammar(
        "V11", "RFC 8216bis §4.4.6.6", ("SERVER-URI",), {"SERVER-URI": Form.QUOTED, "PATHWAY-ID": Form.QUOTED}
    ),
    "EXT-X-MAP": Grammar("P6", "RFC 8216bis §4.4.4.5", ("URI",), {"URI": Form.QUOTED, "BYTERANGE": Form.QUOTED}),
    "EXT-X-KEY": Grammar(
        "P12",
        "RFC 8216bis §4.4.4.4",
        ("METHOD",),
        {
            "METHOD": Form.NAME,
            "URI": Form.QUOTED,
            "IV": Form.HEX,
            "KEYFORMAT": Form.QUOTED,
            "KEYFORMATVERSIONS": Form.QUOTED,
        },
    ),
    "EXT-X-DATERANGE": Grammar(
        "P14",
        "RFC 8216bis §4.4.5.1",
        ("ID", "START-DATE"),
        {
            "ID": Form.QUOTED,
            "CLASS": Form.QUOTED,
            "START-DATE": Form.QUOTED,
            "END-DATE": Form.QUOTED,
            "DURATION": Form.DECIMAL,
            "PLANNED-DURATION": Form.DECIMAL,
            "END-ON-NEXT": Form.YES,
        },
    ),
    "EXT-X-START": Grammar(
        "P18", "RFC 8216bis §4.4.2.2", ("TIME-OFFSET",), {"TIME-OFFSET": Form.SIGNED, "PRECISE": Form.YES_NO}
    ),
    "EXT-X-PART-INF": Grammar("L1", "RFC 8216bis §4.4.3.7", ("PART-TARGET",), {"PART-TARGET": Form.DECIMAL}),
    "EXT-X-PART": Grammar(
        "L1",
        "RFC 8216bis §4.4.4.9",
        ("URI", "DURATION"),
        {
            "URI": Form.QUOTED,
            "DURATION": Form.DECIMAL,
            "INDEPENDENT": Form.YES,
            "BYTERANGE": Form.QUOTED,
            "GAP": Form.YES,
        },
        {"INDEPENDENT": "L4"},
    ),
    "EXT-X-SERVER-CONTROL": Grammar(
        "L2",
        "RFC 8216bis §4.4.3.8",
        (),
        {
            "CAN-SKIP-UNTIL": Form.DECIMAL,
            "CAN-SKIP-DATERANGES": Form.YES,
            "HOLD-BACK": Form.DECIMAL,
            "PART-HOLD-BACK": Form.DECIMAL,
            "CAN-BLOCK-RELOAD": Form.YES,
        },
    ),
    "EXT-X-PRELOAD-HINT": Grammar(
        "L9",
        "RFC 8216bis §4.4.5.3",
        ("TYPE", "URI"),
        {"TYPE": Form.NAME, "URI": Form.QUOTED, "BYTERANGE-START": Form.INTEGER, "BYTERANGE-LENGTH": Form.INTEGER},
    ),
    "EXT-X-RENDITION-REPORT": Grammar(
        "L10",
        "RFC 8216bis §4.4.5.4",
        ("URI", "LAST-MSN"),
        {"URI": Form.QUOTED, "LAST-MSN": Form.INTEGER, "LAST-PART": Form.INTEGER},
    ),
    "EXT-X-SKIP": Grammar(
        "L15",
        "RFC 8216bis §4.4.5.2",
        ("SKIPPED-SEGMENTS",),
        {"SKIPPED-SEGMENTS": Form.INTEGER, "RECENTLY-REMOVED-DATERANGES": Form.QUOTED},
    ),
}

_BARE: Final = {"EXTM3U", "EXT-X-ENDLIST", "EXT-X-I-FRAMES-ONLY", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-DISCONTINUITY"}
_ONCE: Final = {
    "EXTM3U",
    "EXT-X-VERSION",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-ENDLIST",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-I-FRAMES-ONLY",
    "EXT-X-PART-INF",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-SKIP",
}
_MULTIVARIANT_ONLY: Final = {
    "EXT-X-MEDIA",
    "EXT-X-STREAM-INF",
    "EXT-X-I-FRAME-STREAM-INF",
    "EXT-X-SESSION-DATA",
    "EXT-X-SESSION-KEY",
    "EXT-X-CONTENT-STEERING",
}
_EITHER: Final = {"EXTM3U", "EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-START", "EXT-X-DEFINE"}
_MEDIA_ONLY: Final = (
    _ONCE
    | _BARE
    | {"EXTINF", "EXT-X-BYTERANGE", "EXT-X-KEY", "EXT-X-MAP", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-GAP", "EXT-X-BITRATE"}
    | {"EXT-X-PART", "EXT-X-DATERANGE", "EXT-X-PRELOAD-HINT", "EXT-X-RENDITION-REPORT"}
) - _EITHER


def check_lines(text: str, tokens: Sequence[Tag | Uri], scope: Scope) -> list[Finding]:
    """P1 and V12: how the text begins, what is given twice, and what belongs into the other kind of playlist."""
    findings: list[Finding] = []
    if text.startswith("\ufeff"):
        findings.append(must("P1", "RFC 8216bis §4.1", "the playlist begins with a byte order mark", "line 1"))
    if text.removeprefix("\ufeff").split("\n", 1)[0].rstrip("\r") != "#EXTM3U":
        findings.append(must("P1", "RFC 8216bis §4.4.1.1", "the first line is not #EXTM3U", "line 1"))
    foreign = _MULTIVARIANT_ONLY if scope is Scope.MEDIA else _MEDIA_ONLY
    seen: set[str] = set()
    for token in tokens:
        if isinstance(token, Uri):
            continue
        if token.name in seen & _ONCE:
            findings.append(must("P1", "RFC 8216bis §4.1", f"{token.name} is given twice", token.where))
        seen.add(token.name)
        if token.name in foreign:
            findings.append(must("V12", "RFC 8216bis §4.1", f"no tag of a {scope} playlist", token.where))
        findings += check_tag(token)
    return findings


def check_tag(tag: Tag) -> list[Finding]:
    """That a tag's value is written as its table row says."""
    if tag.name in _BARE and tag.value:
        return [must("P1", "RFC 8216bis §4.1", f"a value where none is allowed: {tag.value!r}", tag.where)]
    grammar = GRAMMARS.get(tag.name)
    if grammar is None:
        return []
    attributes, problem = read_attributes(tag.value)
    if problem:
        return [must(grammar.rule, "RFC 8216bis §4.2", problem, tag.where)]
    findings = [
        must(grammar.rule, grammar.clause, f"{name} is missing", tag.where)
        for name in grammar.required
        if name not in attributes
    ]
    for name, value in attributes.items():
        form = grammar.forms.get(name)
        if form is not None and not re.fullmatch(form, value):
            rule = grammar.rule_of.get(name, grammar.rule)
            findings.append(must(rule, grammar.clause, f"{name}={value} is not written as it must be", tag.where))
    return findings
