"""The worker's end of the socket pair: it never blocks a stage, and ends when the parent is gone."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from relay import wire
from relay.worker import link as link_module
from relay.worker.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Link]]:
    parent, child = socket.socketpair()
    parent.settimeout(5)
    link = Link(child)
    yield parent, link
    parent.close()
    link.close(flush_s=0.1)


def test_messages_go_both_ways(pair: tuple[socket.socket, Link]) -> None:
    parent, link = pair
    parent.sendall(wire.encode(wire.Stop()))
    assert link.receive() == wire.Stop()
    link.send(wire.Hello(7))
    with parent.makefile("rb") as stream:
        assert wire.read(stream) == wire.Hello(7)


def test_a_parent_that_is_gone_ends_it(pair: tuple[socket.socket, Link]) -> None:
    parent, link = pair
    parent.close()
    assert link.receive() is None
    link.send(wire.Hello(7))
    link.send(wire.Hello(8))


def test_a_parent_that_reads_nothing_closes_it_at_the_bound(
    pair: tuple[socket.socket, Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, link = pair
    monkeypatch.setattr(link_module, "MAX_OUTBOX_BYTES", 1_000_000)
    for _ in range(20):
        link.send(wire.Snapshot(0, bytes(100_000)))
    assert not link.is_open


def test_closing_sends_what_is_queued(pair: tuple[socket.socket, Link]) -> None:
    parent, link = pair
    got: list[wire.Message | None] = []

    def read() -> None:
        with parent.makefile("rb") as stream:
            got.extend(iter(lambda: wire.read(stream), None))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(50):
        link.send(wire.Snapshot(n, bytes(10_000)))
    link.close(flush_s=5)
    link.close()
    reader.join(timeout=5)
    assert len(got) == 50
