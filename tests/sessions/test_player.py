from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sessions.player import parse_user_agent

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WEBKIT} Chrome/141.0.0.0"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CORE_MEDIA = "AppleCoreMedia/1.0.0.22F76"

PLAYERS = [
    (f"{WINDOWS} {CHROME} Safari/537.36", "Chrome", "141.0.0.0", "Windows", "desktop"),
    (f"{WINDOWS} {CHROME} Safari/537.36 Edg/141.0.3537.57", "Edge", "141.0.3537.57", "Windows", "desktop"),
    (f"{MAC} {CHROME} Safari/537.36 OPR/120.0.0.0", "Opera", "120.0.0.0", "macOS", "desktop"),
    (f"{MAC} {APPLE} Version/18.5 Safari/605.1.15", "Safari", "18.5", "macOS", "desktop"),
    (f"{PHONE} {APPLE} Version/18.5 Mobile/15E148 Safari/604.1", "Safari", "18.5", "iOS", "mobile"),
    (f"{PHONE} {APPLE} CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1", "Chrome", "141.0.7390.41", "iOS", "mobile"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "140.0", "Linux", "desktop"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "Chrome", "141.0.0.0", "ChromeOS", "desktop"),
    (f"{ANDROID} {CHROME} Mobile Safari/537.36", "Chrome", "141.0.0.0", "Android", "mobile"),
    (f"{ANDROID} {CHROME} Safari/537.36", "Chrome", "141.0.0.0", "Android", "tablet"),
    (
        f"{ANDROID} {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        "Samsung Internet",
        "28.0",
        "Android",
        "mobile",
    ),
    (f"{CORE_MEDIA} (iPhone; U; CPU OS 18_5 like Mac OS X; en_us)", "AppleCoreMedia", "1.0.0.22F76", "iOS", "mobile"),
    (f"{CORE_MEDIA} (iPad; U; CPU OS 18_5 like Mac OS X; en_us)", "AppleCoreMedia", "1.0.0.22F76", "iOS", "tablet"),
    (f"{CORE_MEDIA} (Macintosh; U; Intel Mac OS X 15_5; en_us)", "AppleCoreMedia", "1.0.0.22F76", "macOS", "desktop"),
    (f"{CORE_MEDIA} (Apple TV; U; CPU OS 18_5 like Mac OS X; en_us)", "AppleCoreMedia", "1.0.0.22F76", "tvOS", "tv"),
    ("VLC/3.0.21 LibVLC/3.0.21", "VLC", "3.0.21", "", "other"),
    ("libmpv", "mpv", "", "", "other"),
    ("mpv 0.35.1", "mpv", "0.35.1", "", "other"),
    ("Lavf/59.27.100", "FFmpeg", "59.27.100", "", "other"),
    ("GStreamer souphttpsrc 1.22.0 libsoup/3.2.2", "GStreamer", "1.22.0", "", "other"),
    ("GStreamer/1.26.2", "GStreamer", "1.26.2", "", "other"),
    ("Kodi/21.2 (X11; Linux x86_64) App_Bitness/64 Version/21.2", "Kodi", "21.2", "Linux", "desktop"),
    ("MyApp/2.0 (Linux;Android 14) ExoPlayerLib/2.19.1", "ExoPlayer", "2.19.1", "Android", "mobile"),
    ("MyApp/2.0 (Linux;Android 15) AndroidXMedia3/1.8.0", "ExoPlayer", "1.8.0", "Android", "mobile"),
    ("Roku/DVP-14.5 (14.5.4.5934-88)", "Roku", "14.5", "Roku OS", "tv"),
    (f"Mozilla/5.0 (Linux; Android) {CHROME} CrKey/1.56.500000", "Chromecast", "1.56.500000", "Android", "tv"),
    (f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) {CHROME} TV Safari/537.36", "Chrome", "141.0.0.0", "Tizen", "tv"),
    (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Safari/537.36", "Chrome", "141.0.0.0", "webOS", "tv"),
    ("curl/8.14.1", "curl", "8.14.1", "", "other"),
    ("Streamer/7 extra", "Streamer", "7", "", "other"),
    ("Streamer", "Streamer", "", "", "other"),
    ("", "unknown", "", "", "other"),
    ('=HYPERLINK("http://x")', "unknown", "", "", "other"),
]


@pytest.mark.parametrize(("user_agent", "name", "version", "os", "device"), PLAYERS, ids=lambda text: text[:20])
def test_players(user_agent: str, name: str, version: str, os: str, device: str) -> None:
    assert parse_user_agent(user_agent)[:4] == (name, version, os, device)


@pytest.mark.parametrize(
    ("user_agent", "is_bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("facebookexternalhit/1.1", True),
        ("Slackbot-LinkExpanding 1.0", True),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/141.0.0.0 Safari/537.36", True),
        (f"{WINDOWS} {CHROME} Safari/537.36", False),
    ],
)
def test_bots(user_agent: str, is_bot: bool) -> None:
    assert parse_user_agent(user_agent).is_bot is is_bot


@given(user_agent=st.text(max_size=100))
def test_nothing_that_is_stored_was_chosen_freely(user_agent: str) -> None:
    player = parse_user_agent(user_agent)
    assert re.fullmatch(r"[A-Za-z][\w. -]{0,31}", player.name, re.ASCII)
    assert re.fullmatch(r"([A-Za-z0-9][\w.-]{0,23})?", player.version, re.ASCII)
