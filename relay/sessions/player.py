"""Which player, system and kind of device a User-Agent header speaks of.

A small table of what fetches HLS, in the order in which the names must be looked for: Edge and Opera also say Chrome,
all of them say Safari, a television says everything. hls.js, Shaka and video.js run in a page and have no name of
their own here: they show as their browser. Systems are named without version, since browsers froze it (every Mac is
10_15_7).

Names and versions that are not from the table are cut to letters, digits, dots, dashes and underscores and begin with a
letter: what is stored is never a text that a client could choose freely.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple


class Player(NamedTuple):
    """What is known of a player. Empty where nothing is; `device_type` is desktop, mobile, tablet, tv or other."""

    name: str
    version: str
    os: str
    device_type: str
    is_bot: bool


UNKNOWN: Final = "unknown"
_VERSION: Final = r"[/ ]v?(\d[\w.-]{0,23})"

_PLAYERS: Final = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("AppleCoreMedia", rf"AppleCoreMedia(?:{_VERSION})?"),
        ("Kodi", rf"\b(?:Kodi|XBMC)(?:{_VERSION})?"),
        ("VLC", rf"\b(?:VLC|LibVLC)(?:{_VERSION})?"),
        ("mpv", rf"\b(?:lib)?mpv\b(?:{_VERSION})?"),
        ("ExoPlayer", rf"\b(?:ExoPlayerLib|AndroidXMedia3|ExoPlayer)(?:{_VERSION})?"),
        ("GStreamer", rf"\bGStreamer(?: \w*src)?(?:{_VERSION})?"),
        ("FFmpeg", rf"\bLavf(?:{_VERSION})?"),
        ("Roku", r"\bRoku(?:/DVP-(\d[\w.]{0,23}))?"),
        ("Chromecast", rf"\bCrKey(?:{_VERSION})?"),
        ("Edge", rf"\bEdg(?:e|A|iOS)?{_VERSION}"),
        ("Opera", rf"\bOPR{_VERSION}"),
        ("Samsung Internet", rf"\bSamsungBrowser{_VERSION}"),
        ("Firefox", rf"\b(?:Firefox|FxiOS){_VERSION}"),
        ("Chrome", rf"\b(?:HeadlessChrome|Chrome|CriOS|Chromium){_VERSION}"),
        ("Safari", rf"\bVersion{_VERSION}.* Safari/"),
        ("curl", rf"\bcurl(?:{_VERSION})?"),
    )
)
_OTHER: Final = re.compile(r"([A-Za-z][\w.-]{0,31})(?:/([A-Za-z0-9][\w.-]{0,23}))?", re.ASCII)

_SYSTEMS: Final = (
    ("tvOS", "Apple TV"),
    ("iOS", "iPhone"),
    ("iOS", "iPad"),
    ("iOS", "iPod"),
    ("Roku OS", "Roku"),
    ("Tizen", "Tizen"),
    ("webOS", "Web0S"),
    ("webOS", "webOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("ChromeOS", "CrOS"),
    ("macOS", "Macintosh"),
    ("macOS", "Mac OS X"),
    ("Linux", "Linux"),
    ("Linux", "X11"),
)
_TELEVISION: Final = re.compile(r"Apple TV|\bTV\b|SMART-TV|SmartTV|Web0S|Roku|CrKey|BRAVIA|\bAFT[A-Z]", re.ASCII)
_DESKTOP: Final = frozenset({"Windows", "macOS", "Linux", "ChromeOS"})
_BOT: Final = re.compile(
    r"bot\b|crawler|spider|preview|facebookexternalhit|WhatsApp/|Embedly|Uptime|Pingdom|monitor|HeadlessChrome",
    re.IGNORECASE | re.ASCII,
)


@lru_cache(maxsize=1024)
def parse_user_agent(user_agent: str) -> Player:
    """The player behind `user_agent`; never fails, whatever it says."""
    name, version = _name(user_agent)
    os = next((system for system, mark in _SYSTEMS if mark in user_agent), "")
    return Player(name, version, os, _device_type(user_agent, os), _BOT.search(user_agent) is not None)


def _name(user_agent: str) -> tuple[str, str]:
    for name, pattern in _PLAYERS:
        if match := pattern.search(user_agent):
            return name, match[1] or ""
    if match := _OTHER.match(user_agent):
        return match[1], match[2] or ""
    return UNKNOWN, ""


def _device_type(user_agent: str, os: str) -> str:
    if _TELEVISION.search(user_agent):
        return "tv"
    if "iPad" in user_agent or (os == "Android" and "Mobile" not in user_agent and "Mozilla" in user_agent):
        return "tablet"
    if os in {"Android", "iOS"}:
        return "mobile"
    return "desktop" if os in _DESKTOP else "other"
