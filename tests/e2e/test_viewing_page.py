"""Who watches, as an admin sees it in a browser: the link that is printed, the token, and what others see."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fixtures.processes import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.browser import Browser, Tab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WITHIN_MS = 15_000


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay("test:?size=320x180&rate=15", folder) as relay:
        relay.wait_until("live")
        yield relay


@pytest.fixture(scope="module")
def watching(browser: Browser, relay: Relay) -> Iterator[Tab]:
    """Somebody who watches."""
    tab = browser.open(f"{relay.origin}/live/{relay.stream}/")
    tab.wait_until_playing()
    yield tab
    browser.close(tab)


def link(relay: Relay) -> str:
    match = re.search(r"Who watches: http://localhost:\d+(/viewing#admin=\S+)", relay.words())
    assert match, relay.words()
    return f"{relay.origin}{match[1]}"


def test_the_link_that_is_printed_shows_who_watches(browser: Browser, relay: Relay, watching: Tab) -> None:
    tab = browser.open(link(relay), width=1280)
    try:
        row = tab.page.locator("#viewers tbody tr").first
        row.wait_for(timeout=WITHIN_MS)
        stream, here_for, _, player, network, picture, *_ = row.locator("td").all_inner_texts()
        assert stream == relay.stream
        assert here_for.endswith(" s")
        assert "Chrom" in player
        assert network == "127.0.0.0/24"
        assert picture == "video"
        assert tab.page.locator("#summary").inner_text() == "1 viewer"
        assert "#" not in tab.page.url
        assert tab.page.locator("#sign-in").is_hidden()
        latency = row.locator("td").nth(6)
        watching.pump(3)
        assert re.fullmatch(r"\d\.\d s", latency.inner_text()), "the page tells its latency"
        assert (tab.failed, tab.complaints) == ([], [])
        assert tab.origins == {relay.origin}
    finally:
        browser.close(tab)


def test_the_link_is_good_once_and_the_token_always(browser: Browser, relay: Relay, watching: Tab) -> None:
    tab = browser.open(link(relay))
    try:
        page = tab.page
        page.locator("#token").wait_for(timeout=WITHIN_MS)
        assert page.locator("#notice").inner_text().startswith("this is not the admin token of this relay")
        assert page.locator("#admin").is_hidden()
        assert page.locator("#viewers tbody tr").count() == 0
        page.locator("#token").fill((relay.data / "admin.token").read_text())
        page.get_by_role("button", name="Show who watches").click()
        page.locator("#viewers tbody tr").first.wait_for(timeout=WITHIN_MS)
        page.get_by_role("button", name="Sign out").click()
        page.locator("#token").wait_for(timeout=WITHIN_MS)
        assert page.locator("#viewers tbody tr").count() == 0
    finally:
        browser.close(tab)


def test_the_token_file_is_its_owners_and_its_text_is_in_no_log(relay: Relay) -> None:
    path = relay.data / "admin.token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() not in relay.words()


def test_the_command_line_asks_the_relay_with_the_token_of_its_folder(relay: Relay, watching: Tab) -> None:
    watching.pump(1)
    command = [sys.executable, "-m", "relay", "sessions", "live", "--data", str(relay.data), "--url"]
    ran = subprocess.run([*command, relay.origin], capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    assert relay.stream in ran.stdout.splitlines()[-1]
    refused = subprocess.run(
        [*command, relay.origin], capture_output=True, text=True, timeout=30, check=False,
        env={"RELAY_ADMIN_TOKEN": "f" * 64, "PATH": "", "COLUMNS": "200"},
    )  # fmt: skip
    assert refused.returncode == 1
    assert "this is not the admin token of this relay" in refused.stderr


def test_viewers_read_what_is_kept(browser: Browser, relay: Relay) -> None:
    tab = browser.open(f"{relay.origin}/privacy")
    try:
        text = tab.page.locator("main").inner_text()
        assert "Single requests and the player's reports: 7 days." in text
        assert "{" not in text
        assert (tab.failed, tab.complaints) == ([], [])
    finally:
        browser.close(tab)
