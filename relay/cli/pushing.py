"""What `relay serve` does for streams that are pushed: the RTMP port, the keys, and what a newcomer is told of both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from relay.config import is_loopback, split_listen
from relay.errors import redact
from relay.ingest import Gate, PushRule, RtmpFront, load_or_make_push_key, push_key_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relay.config import RelaySettings
    from relay.model import PushDoor

_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


async def start_front(
    settings: RelaySettings, data: Path, find_door: Callable[[str], PushDoor | None]
) -> RtmpFront | None:
    """Listen for RTMP, if a stream is pushed over it. Raises `ListenError` and `DataFolderError`."""
    rules = await asyncio.to_thread(_rules, settings, data)
    if not rules:
        return None
    return await RtmpFront.start(*split_listen(settings.rtmp_listen), Gate(rules), find_door)


def _rules(settings: RelaySettings, data: Path) -> dict[str, PushRule]:
    return {
        name: PushRule(
            key=stream.push_key.get_secret_value() if stream.push_key else load_or_make_push_key(data, name),
            second_push=stream.second_push,
            idle_s=stream.read_timeout_s,
        )
        for name, stream in settings.streams.items()
        if stream.is_rtmp_push
    }


def where_to_push(settings: RelaySettings, front: RtmpFront | None) -> list[str]:
    """Lines for the terminal. They name where a key is, and never the key: terminals end in logs."""
    lines = []
    host = split_listen(settings.rtmp_listen)[0]
    shown_host = "localhost" if is_loopback(host) or host in _ANY_ADDRESS else host
    authority = f"[{shown_host}]" if ":" in shown_host else shown_host
    for name, stream in settings.streams.items():
        if stream.is_rtmp_push and front is not None:
            kept = "its push_key in your settings" if stream.push_key else f"in {push_key_path(settings.data, name)}"
            lines.append(f"       {name}: push to rtmp://{authority}:{front.port}/live/{name}/KEY, KEY being {kept}")
        elif stream.is_push:
            shown, who = redact(stream.source), _who(stream.source)
            lines.append(f"       {name}: waits for {shown}, which carries no password{who}")
    if front is not None and not is_loopback(host):
        lines.append("       RTMP is not encrypted: who can listen on the way sees the key and the picture.")
    return lines


def _who(source: str) -> str:
    if is_loopback((urlsplit(source).hostname or "").strip("@")):
        return ": only this machine can send."
    return ": everybody who can reach it can send pictures."
