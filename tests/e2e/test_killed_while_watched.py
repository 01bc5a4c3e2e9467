"""`kill -9` while people watch: what the record has of them when the relay has started again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fixtures.killing import Watchers, kill, loss_of
from fixtures.processes import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.killing import Watcher

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay("test:?size=320x180&rate=15", folder) as relay:
        relay.wait_until("live")
        yield relay


def test_at_most_the_last_second_is_missing_and_nothing_is_doubled(relay: Relay) -> None:
    """Three times. Some come back after each kill, and their viewing is one."""
    stay: list[Watcher] = []
    for watched_s in (2.3, 3.1, 1.7):
        with Watchers(relay, 8, stay) as watchers:
            time.sleep(watched_s)
            killed_s = kill(relay)
        relay.start()
        relay.wait_until("live")
        loss = loss_of(relay.data, relay.stream, watchers.all, killed_s)
        assert loss.complaints == []
        assert len(loss.missing_s) == len(watchers.all), "everybody was sent something"
        stay = watchers.all[:3]
