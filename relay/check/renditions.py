"""What a multivariant playlist offers, as values: every media playlist once, with all that is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import m3u8

from relay.check.finding import Finding, must
from relay.check.tags import Tag, Uri, decimal, integer, tokenize, unquoted

if TYPE_CHECKING:
    from fractions import Fraction

_MULTIVARIANT_TAGS: Final = {"EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA", "EXT-X-CONTENT-STEERING"}


class Role(StrEnum):
    """What a media playlist is for."""

    VARIANT = "variant"
    AUDIO = "audio"
    VIDEO = "video"
    SUBTITLES = "subtitles"
    IFRAMES = "I-frames"


@dataclass(frozen=True, slots=True)
class Variant:
    """One EXT-X-STREAM-INF: what it declares, and the groups that play with it. What is not said is `None` or empty."""

    uri: str
    bandwidth_bps: int | None
    average_bandwidth_bps: int | None
    codecs: tuple[str, ...]
    size: tuple[int, int] | None
    rate: Fraction | None
    audio_group: str | None


@dataclass
class Offered:
    """One media playlist. `variants` are those that play it; `groups` are the groups that it is in."""

    uri: str
    role: Role
    variants: list[Variant] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)

    @property
    def codecs(self) -> set[str]:
        """All that the variants name which play it; empty where one of them names none."""
        named = [set(variant.codecs) for variant in self.variants]
        return set.union(*named) if named and all(named) else set()


def is_multivariant(text: str) -> bool:
    """Whether a playlist lists playlists, and not media."""
    return any(isinstance(token, Tag) and token.name in _MULTIVARIANT_TAGS for token in tokenize(text))


def read_offers(text: str) -> list[Offered]:
    """The media playlists of a multivariant playlist in its order, each once."""
    offers: dict[str, Offered] = {}
    stream: Tag | None = None
    for token in tokenize(text):
        if isinstance(token, Uri):
            if stream is not None:
                _take_variant(offers, _variant(token.text, stream), Role.VARIANT)
            stream = None
        elif token.name == "EXT-X-STREAM-INF":
            stream = token
        elif token.name == "EXT-X-I-FRAME-STREAM-INF":
            _take_variant(offers, _variant(unquoted(token.attributes, "URI") or "", token), Role.IFRAMES)
        elif token.name == "EXT-X-MEDIA":
            _take_group_member(offers, token)
    for offer in offers.values():
        if offer.role is Role.AUDIO:
            offer.variants += [
                variant
                for other in offers.values()
                if other.role is Role.VARIANT
                for variant in other.variants
                if variant.audio_group in offer.groups
            ]
    return list(offers.values())


def check_second_reader(text: str) -> list[Finding]:
    """P1: somebody else's parser reads the same playlists out of it."""
    try:
        read = m3u8.loads(text)
        others = {one.uri for one in (*read.playlists, *read.media, *read.iframe_playlists) if one.uri}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return [must("P1", "RFC 8216bis §4.1", f"the parser `m3u8` fails on it: {error!r}")]
    ours = {offer.uri for offer in read_offers(text)}
    if ours != others:
        message = f"the parser `m3u8` reads the playlists {sorted(others)}, not {sorted(ours)}"
        return [must("P1", "RFC 8216bis §4.1", message)]
    return []


def _variant(uri: str, tag: Tag) -> Variant:
    attributes = tag.attributes
    width, _, height = attributes.get("RESOLUTION", "").partition("x")
    size = (integer(width), integer(height))
    return Variant(
        uri,
        integer(attributes.get("BANDWIDTH")),
        integer(attributes.get("AVERAGE-BANDWIDTH")),
        tuple(name.strip() for name in (unquoted(attributes, "CODECS") or "").split(",") if name.strip()),
        None if size[0] is None or size[1] is None else (size[0], size[1]),
        decimal(attributes.get("FRAME-RATE")),
        unquoted(attributes, "AUDIO"),
    )


def _take_variant(offers: dict[str, Offered], variant: Variant, role: Role) -> None:
    if variant.uri:
        offers.setdefault(variant.uri, Offered(variant.uri, role)).variants.append(variant)


def _take_group_member(offers: dict[str, Offered], tag: Tag) -> None:
    uri, group = unquoted(tag.attributes, "URI"), unquoted(tag.attributes, "GROUP-ID")
    role = {"AUDIO": Role.AUDIO, "VIDEO": Role.VIDEO, "SUBTITLES": Role.SUBTITLES}.get(tag.attributes.get("TYPE", ""))
    if uri and role is not None:
        offers.setdefault(uri, Offered(uri, role)).groups.add(group or "")
