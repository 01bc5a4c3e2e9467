"""The rules of a multivariant playlist, V1 to V12, as far as its text shows."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from relay.check.finding import Finding, advice, must, should
from relay.check.grammar import Scope, check_lines
from relay.check.parsed import parse
from relay.check.tags import Tag, Uri, decimal, integer, tokenize, unquoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STREAM: Final = "RFC 8216bis §4.4.6.2"
_MEDIA: Final = "RFC 8216bis §4.4.6.1"
_VIDEO_CODEC: Final = re.compile(
    r"avc[13]\.[0-9A-Fa-f]{6}|(hvc1|hev1)\.[ABC]?\d+\.[0-9A-Fa-f]+\.[LH]\d+(\.[0-9A-Fa-f]{1,2})*"
    r"|av01\.\d\.\d\d[MH]\.\d\d(\.\d+)*|vp09(\.\d\d)+|(dvh1|dvhe|dav1)\.\d\d\.\d\d",
    re.ASCII,
)
_AUDIO_CODEC: Final = re.compile(r"mp4a\.40\.\d{1,2}|mp4a\.40\.34|ac-3|ec-3|[Oo]pus|fLaC|alac", re.ASCII)
_OTHER_CODEC: Final = re.compile(r"stpp\.ttml\.im1t|wvtt", re.ASCII)
_VIDEO_RANGES: Final = {"SDR", "HLG", "PQ"}
_MEDIA_TYPES: Final = {"AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"}
_HIGHEST_PLAIN_VERSION: Final = 7
"""SERVICE values of INSTREAM-ID need 7; only EXT-X-DEFINE (8) and what follows it need more."""


def check_multivariant(text: str) -> list[Finding]:
    """All that is wrong with a multivariant playlist."""
    tokens = tokenize(text)
    tags = [token for token in tokens if isinstance(token, Tag)]
    streams = [tag for tag in tags if tag.name == "EXT-X-STREAM-INF"]
    media = [tag for tag in tags if tag.name == "EXT-X-MEDIA"]
    iframes = [tag for tag in tags if tag.name == "EXT-X-I-FRAME-STREAM-INF"]
    findings = check_lines(text, tokens, Scope.MULTIVARIANT)
    findings += _check_uris(tokens)
    for stream in streams:
        findings += _check_stream(stream, {unquoted(tag.attributes, "GROUP-ID") for tag in media})
    for tag in media:
        findings += _check_media(tag)
    findings += _check_groups(media)
    findings += _check_ladder(streams)
    if not iframes:
        findings.append(advice("V9", "Apple 6.1", "there are no I-frame playlists for scrubbing"))
    return findings + _check_steering(tags, streams) + _check_version(tags)


def check_independence(multivariant: str, media: Mapping[str, str]) -> list[Finding]:
    """V5: EXT-X-INDEPENDENT-SEGMENTS stands in the multivariant playlist or in all media playlists, not in both."""
    clause = "RFC 8216bis §4.4.2.1"
    in_multivariant = any(
        isinstance(token, Tag) and token.name == "EXT-X-INDEPENDENT-SEGMENTS" for token in tokenize(multivariant)
    )
    saying = [name for name, text in media.items() if parse(text).has_independent_segments]
    if in_multivariant and saying:
        return [
            should("V5", clause, f"EXT-X-INDEPENDENT-SEGMENTS in the multivariant playlist and in {', '.join(saying)}")
        ]
    if not in_multivariant and len(saying) < len(media):
        return [should("V5", clause, "EXT-X-INDEPENDENT-SEGMENTS is neither here nor in every media playlist")]
    return []


def _check_uris(tokens: Sequence[Tag | Uri]) -> list[Finding]:
    findings: list[Finding] = []
    stream: Tag | None = None
    uris: Counter[str] = Counter()
    for token in tokens:
        if isinstance(token, Uri):
            if stream is None:
                findings.append(must("V6", _STREAM, "a URI without EXT-X-STREAM-INF", token.where))
            uris[token.text] += 1
            stream = None
        elif stream is not None:
            findings.append(must("V6", _STREAM, "EXT-X-STREAM-INF is not followed by its URI", stream.where))
            stream = None
        if isinstance(token, Tag) and token.name == "EXT-X-STREAM-INF":
            stream = token
    if stream is not None or not uris:
        findings.append(must("V6", _STREAM, "there is no variant, or the last one has no URI"))
    return findings


def _check_stream(tag: Tag, groups: set[str | None]) -> list[Finding]:
    attributes = tag.attributes
    findings: list[Finding] = []
    peak, average = integer(attributes.get("BANDWIDTH")), integer(attributes.get("AVERAGE-BANDWIDTH"))
    if peak == 0:
        findings.append(must("V1", _STREAM, "BANDWIDTH is 0", tag.where))
    if "AVERAGE-BANDWIDTH" not in attributes:
        findings.append(must("V2", "Apple 9.14", "there is no AVERAGE-BANDWIDTH", tag.where))
    elif peak and average is not None and average > peak:
        findings.append(must("V2", _STREAM, f"AVERAGE-BANDWIDTH {average} is over BANDWIDTH {peak}", tag.where))
    for name in ("AUDIO", "SUBTITLES"):
        group = unquoted(attributes, name)
        if group is not None and group not in groups:
            findings.append(must("V8", _STREAM, f"{name} names the group {group!r}, which is not there", tag.where))
    return findings + _check_codecs(tag, has_audio_group=unquoted(attributes, "AUDIO") is not None)


def _check_codecs(tag: Tag, *, has_audio_group: bool) -> list[Finding]:
    attributes = tag.attributes
    codecs = unquoted(attributes, "CODECS")
    if codecs is None:
        return [] if "CODECS" in attributes else [must("V3", "Apple 9.1", "there is no CODECS", tag.where)]
    names = [name.strip() for name in codecs.split(",")]
    findings = [
        must("V3", "RFC 6381 §3.3", f"{name!r} is not the full name of a codec", tag.where)
        for name in names
        if not any(pattern.fullmatch(name) for pattern in (_VIDEO_CODEC, _AUDIO_CODEC, _OTHER_CODEC))
    ]
    if has_audio_group and not findings and not any(_AUDIO_CODEC.fullmatch(name) for name in names):
        findings.append(must("V3", _STREAM, "CODECS does not name the codec of the AUDIO group", tag.where))
    if not any(_VIDEO_CODEC.fullmatch(name) for name in names):
        return findings
    for name, clause in (("RESOLUTION", "Apple 9.2"), ("FRAME-RATE", "Apple 9.15")):
        if name not in attributes:
            findings.append(must("V4", clause, f"video without {name}", tag.where))
    rate = attributes.get("FRAME-RATE", "0.000")
    if decimal(rate) is not None and not re.fullmatch(r"\d+\.\d{3}", rate):
        findings.append(should("V4", _STREAM, f"FRAME-RATE {rate} is not rounded to three decimals", tag.where))
    return findings


def _check_media(tag: Tag) -> list[Finding]:
    attributes = tag.attributes
    findings: list[Finding] = []
    kind = attributes.get("TYPE")
    if kind is not None and kind not in _MEDIA_TYPES:
        findings.append(must("V8", _MEDIA, f"TYPE {kind!r} is unknown", tag.where))
    if attributes.get("DEFAULT") == "YES" and attributes.get("AUTOSELECT") == "NO":
        findings.append(must("V8", _MEDIA, "DEFAULT=YES with AUTOSELECT=NO", tag.where))
    if kind == "AUDIO" and "CHANNELS" not in attributes:
        findings.append(must("V8", "Apple 9.5", "audio without CHANNELS", tag.where))
    if kind == "AUDIO" and "LANGUAGE" not in attributes:
        findings.append(
            advice("V8", "Apple 9.6", "audio without LANGUAGE (`und` says that it is not known)", tag.where)
        )
    if kind == "SUBTITLES" and "URI" not in attributes:
        findings.append(must("V8", _MEDIA, "subtitles without a URI", tag.where))
    if kind == "CLOSED-CAPTIONS" and ("URI" in attributes or "INSTREAM-ID" not in attributes):
        findings.append(must("V8", _MEDIA, "closed captions have an INSTREAM-ID and no URI", tag.where))
    return findings


def _check_groups(media: Sequence[Tag]) -> list[Finding]:
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for tag in media:
        attributes = tag.attributes
        groups[attributes.get("TYPE", ""), attributes.get("GROUP-ID", "")].append(attributes)
    findings: list[Finding] = []
    names_of_kind: dict[str, set[str]] = {}
    for (kind, group), members in groups.items():
        names = [attributes.get("NAME", "") for attributes in members]
        where = f"{kind} group {group}"
        if len(set(names)) < len(names):
            findings.append(must("V8", _MEDIA, "two members have the same NAME", where))
        if sum(attributes.get("DEFAULT") == "YES" for attributes in members) > 1:
            findings.append(must("V8", _MEDIA, "more than one member is DEFAULT", where))
        if names_of_kind.setdefault(kind, set(names)) != set(names):
            findings.append(must("V8", _MEDIA, "its members are not those of the other groups", where))
    return findings


def _check_ladder(streams: Sequence[Tag]) -> list[Finding]:
    variants = [tag.attributes for tag in streams]
    findings: list[Finding] = []
    if len({attributes.get("BANDWIDTH") for attributes in variants}) == 1:
        findings.append(advice("V7", "Apple 9.9", "there is one bit rate only: nothing to step down to"))
    shapes = [attributes.get("RESOLUTION", "") for attributes in variants]
    ratios = [Fraction(*map(int, shape.split("x"))) for shape in shapes if re.fullmatch(r"[1-9]\d*x[1-9]\d*", shape)]
    # Sizes are even, so that a small rendition cannot have exactly the shape of a large one.
    if ratios and max(ratios) > min(ratios) * Fraction(102, 100):
        findings.append(must("V7", "Apple 1.33", "variants differ in aspect ratio"))
    for name, value in (("SCORE", None), ("CLOSED-CAPTIONS", "NONE")):
        having = sum(name in attributes and value in {None, attributes[name]} for attributes in variants)
        if 0 < having < len(variants):
            findings.append(must("V10", _STREAM, f"{name} is on some variants only"))
    ranges = {attributes.get("VIDEO-RANGE") for attributes in variants}
    if unknown := ranges - _VIDEO_RANGES - {None}:
        findings.append(must("V10", _STREAM, f"VIDEO-RANGE is unknown: {', '.join(map(str, unknown))}"))
    elif None in ranges and ranges - {None, "SDR"}:
        findings.append(must("V10", "Apple 9.16", "VIDEO-RANGE is missing beside variants that are not SDR"))
    return findings


def _check_steering(tags: Sequence[Tag], streams: Sequence[Tag]) -> list[Finding]:
    clause = "RFC 8216bis §4.4.6.6"
    steering = [tag for tag in tags if tag.name == "EXT-X-CONTENT-STEERING"]
    findings = [must("V11", clause, "a second EXT-X-CONTENT-STEERING", tag.where) for tag in steering[1:]]
    pathways = {unquoted(stream.attributes, "PATHWAY-ID") or "." for stream in streams}
    for tag in steering[:1]:
        pathway = unquoted(tag.attributes, "PATHWAY-ID") or "."
        if "PATHWAY-ID" in tag.attributes and pathway not in pathways:
            findings.append(must("V11", clause, f"no variant has the pathway {pathway!r}", tag.where))
    return findings


def _check_version(tags: Sequence[Tag]) -> list[Finding]:
    needs_more = any(tag.name == "EXT-X-DEFINE" for tag in tags)
    for tag in tags:
        if tag.name != "EXT-X-VERSION":
            continue
        version = integer(tag.value)
        if version is None:
            return [must("V12", "RFC 8216bis §4.4.1.2", f"not a decimal integer: {tag.value!r}", tag.where)]
        if version > _HIGHEST_PLAIN_VERSION and not needs_more:
            return [
                should("V12", "RFC 8216bis §8", f"EXT-X-VERSION {version} is more than anything here needs", tag.where)
            ]
    return []
