"""What `relay serve` says of streams that are pushed, and which key they take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fixtures.rtmp import Pusher
from relay.cli.pushing import start_front, where_to_push
from relay.config import RelaySettings, StreamSettings
from relay.ingest import load_or_make_push_key

if TYPE_CHECKING:
    from pathlib import Path

KEY = "hunter2-hunter2-hunter2"


def settings(folder: Path, rtmp_listen: str = "127.0.0.1:0", **streams: StreamSettings) -> RelaySettings:
    return RelaySettings(data=folder, streams=streams, rtmp_listen=rtmp_listen)


async def test_no_port_is_opened_for_streams_that_are_not_pushed_over_rtmp(tmp_path: Path) -> None:
    relay = settings(tmp_path, cam=StreamSettings(), ts=StreamSettings(source="udp://127.0.0.1:5004"))
    assert await start_front(relay, tmp_path, {}.get) is None
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []


async def test_it_says_where_to_push_and_where_the_key_is_but_not_the_key(tmp_path: Path) -> None:
    relay = settings(
        tmp_path,
        yard=StreamSettings(source="rtmp:", push_key=KEY),
        door=StreamSettings(source="rtmp:"),
        cam=StreamSettings(),
    )
    front = await start_front(relay, tmp_path, {}.get)
    assert front is not None
    yard, door = where_to_push(relay, front)
    await front.stop()
    assert yard.split(":", 1)[0].strip() == "yard"
    assert f"rtmp://localhost:{front.port}/live/yard/KEY, KEY being its push_key in your settings" in yard
    assert f"in {tmp_path}/streams/door.push-key" in door
    assert KEY not in yard
    assert await asyncio.to_thread(load_or_make_push_key, tmp_path, "door") not in door


async def test_the_made_key_is_the_one_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.ingest.front.WORKER_WITHIN_S", 0.05)
    monkeypatch.setattr("relay.ingest.front.WRONG_KEY_AFTER_S", 0.05)
    relay = settings(tmp_path, door=StreamSettings(source="rtmp:"))
    front = await start_front(relay, tmp_path, {}.get)
    assert front is not None
    said = {}
    for key in (await asyncio.to_thread(load_or_make_push_key, tmp_path, "door"), KEY):
        pusher = await (await Pusher.connect(front.port)).publish("live/door", key)
        said[key == KEY] = pusher.description
        pusher.die()
    await front.stop()
    assert "the stream is not ready" in said[False]
    assert "takes this key" in said[True]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("udp://127.0.0.1:5004", "only this machine can send"),
        ("udp://localhost:5004", "only this machine can send"),
        ("udp://[::1]:5004", "only this machine can send"),
        ("udp://0.0.0.0:5004", "everybody who can reach it can send pictures"),
        ("udp://:5004", "everybody who can reach it can send pictures"),
        ("udp://@239.1.2.3:5004", "everybody who can reach it can send pictures"),
        ("tcp://192.0.2.1:5004?listen", "everybody who can reach it can send pictures"),
    ],
)
def test_who_can_send_without_a_password(tmp_path: Path, source: str, says: str) -> None:
    (line,) = where_to_push(settings(tmp_path, ts=StreamSettings(source=source)), None)
    assert f"waits for {source}, which carries no password" in line
    assert says in line


async def test_rtmp_on_a_network_is_warned_of(tmp_path: Path) -> None:
    relay = settings(tmp_path, "0.0.0.0:0", yard=StreamSettings(source="rtmp:", push_key=KEY))
    front = await start_front(relay, tmp_path, {}.get)
    assert front is not None
    where, warning = where_to_push(relay, front)
    await front.stop()
    assert "rtmp://localhost:" in where
    assert "RTMP is not encrypted" in warning


def test_what_stands_in_an_address_that_is_listened_at_is_not_shown(tmp_path: Path) -> None:
    (line,) = where_to_push(settings(tmp_path, ts=StreamSettings(source="udp://me:hunter2@239.1.2.3:5004")), None)
    assert "waits for udp://***@239.1.2.3:5004," in line
