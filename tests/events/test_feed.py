"""The live feed: what each listener is sent, and what becomes of those who are away, slow or too many."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.events import feed as feed_module
from relay.events.feed import HEARTBEAT, Feed, Listener
from relay.events.model import TimedEvent

RUN = 1_750_000_000_000
GAP = {"event": "gap", "data": {}}


def event(number: int, stream: str = "door", *, size: int = 0) -> TimedEvent:
    return TimedEvent(f"motion-{number}", stream, "motion", number, number, {"n": number, "pad": "x" * size})


def blocks(sent: bytes) -> list[dict[str, Any]]:
    """What a client makes of the bytes (WHATWG HTML §9.2.6): fields by name, of each block that has some."""
    found = []
    for block in sent.decode().split("\n\n"):
        fields: dict[str, Any] = {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
        if "data" in fields:
            fields["data"] = json.loads(fields["data"])
        if fields:
            found.append(fields)
    return found


def numbers(listener: Listener) -> list[int | str]:
    """The events that are sent next, by number, and gaps."""
    return [one["data"].get("data", {}).get("n", "gap") for one in blocks(listener.take()) if "data" in one]


def listen(feed: Feed, stream: str | None = "door", last_id: str = "") -> Listener:
    listener = feed.listen(stream, last_id, lambda: None)
    assert listener is not None
    return listener


@pytest.fixture
def feed() -> Feed:
    return Feed(RUN)


def test_a_listener_is_told_an_id_at_once_and_then_what_happens(feed: Feed) -> None:
    feed.hear(event(1))
    listener = listen(feed)
    assert blocks(listener.take()) == [{"retry": "2000", "id": f"{RUN}-1"}]
    assert listener.take() == b""
    feed.hear(event(2), b"jpeg")
    (told,) = blocks(listener.take())
    assert (told["id"], told["event"]) == (f"{RUN}-2", "once")
    assert told["data"]["id"] == "motion-2"
    assert listener.take() == b""


def test_a_heartbeat_is_nothing_to_a_client() -> None:
    assert blocks(HEARTBEAT) == []


def test_beginnings_and_ends_are_told_apart(feed: Feed) -> None:
    listener = listen(feed)
    begun = TimedEvent("motion-1", "door", "motion", 1)
    for one in (begun, TimedEvent("motion-1", "door", "motion", 1, 2)):
        feed.hear(one)
    assert [one["event"] for one in blocks(listener.take()) if "event" in one] == ["begin", "end"]


def test_a_listener_hears_of_its_own_stream_or_of_all(feed: Feed) -> None:
    door, yard, both = listen(feed), listen(feed, "yard"), listen(feed, None)
    for number, stream in enumerate(("door", "yard", "door")):
        feed.hear(event(number, stream))
    assert [numbers(one) for one in (door, yard, both)] == [[0, 2], [1], [0, 1, 2]]


def test_who_comes_again_is_sent_what_followed(feed: Feed) -> None:
    for number in range(1, 6):
        feed.hear(event(number, "door" if number % 2 else "yard"))
    assert numbers(listen(feed, "door", f"{RUN}-1")) == [3, 5]
    assert numbers(listen(feed, None, f"{RUN}-2")) == [3, 4, 5]
    assert numbers(listen(feed, None, f"{RUN}-5")) == []


def test_its_first_id_leads_to_what_it_is_still_to_be_sent(feed: Feed) -> None:
    for number in range(1, 4):
        feed.hear(event(number))
    again = blocks(listen(feed, "door", f"{RUN}-1").take())
    assert [one["id"] for one in again] == [f"{RUN}-{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("last_id", [f"{RUN - 1}-1", f"{RUN}-9", "nonsense", f"{RUN}-1-2", "٣-1"])
def test_an_id_of_another_start_is_a_gap_and_all_there_is(feed: Feed, last_id: str) -> None:
    feed.hear(event(1))
    feed.hear(event(2))
    assert numbers(listen(feed, "door", last_id)) == ["gap", 1, 2]


@pytest.mark.parametrize(("most", "size"), [("MOST_KEPT", 3), ("MOST_KEPT_BYTES", 600)])
def test_what_is_not_kept_any_more_is_a_gap(feed: Feed, monkeypatch: pytest.MonkeyPatch, most: str, size: int) -> None:
    monkeypatch.setattr(feed_module, most, size)
    for number in range(1, 9):
        feed.hear(event(number))
    kept = numbers(listen(feed, "door", f"{RUN}-1"))
    assert kept[0] == "gap"
    assert 1 < len(kept) <= 4
    assert kept[-1] == 8
    first = kept[1]
    assert isinstance(first, int)
    assert numbers(listen(feed, "door", f"{RUN}-{first - 1}")) == kept[1:]
    assert numbers(listen(feed, "yard", f"{RUN}-1")) == []


@pytest.mark.parametrize(("most", "size"), [("MOST_WAITING", 2), ("MOST_WAITING_BYTES", 450)])
def test_a_slow_listener_loses_the_oldest_and_is_told_so(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, most: str, size: int
) -> None:
    monkeypatch.setattr(feed_module, most, size)
    slow, quick = listen(feed), listen(feed)
    seen = []
    for number in range(1, 6):
        feed.hear(event(number))
        seen += numbers(quick)
    assert seen == [1, 2, 3, 4, 5]
    assert numbers(slow) == ["gap", 4, 5]
    assert (slow.dropped, quick.dropped, feed.counters["dropped"]) == (3, 0, 3)
    feed.hear(event(6))
    assert numbers(slow) == [6]


def test_one_message_is_sent_however_large_it_is(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "MOST_WAITING_BYTES", 10)
    monkeypatch.setattr(feed_module, "MOST_KEPT_BYTES", 10)
    listener = listen(feed)
    feed.hear(event(1, size=4000))
    assert numbers(listener) == [1]
    assert numbers(listen(feed, "door", f"{RUN}-0")) == [1]


def test_a_listener_is_woken_for_what_concerns_it(feed: Feed) -> None:
    woken: list[str] = []
    listener = feed.listen("door", "", lambda: woken.append("wake"))
    feed.hear(event(1, "yard"))
    assert woken == []
    feed.hear(event(2))
    assert woken == ["wake"]
    feed.end()
    assert woken == ["wake", "wake"]
    assert listener is not None
    assert listener.is_over


def test_there_is_room_for_so_many_and_again_when_one_left() -> None:
    feed = Feed(RUN, most_listeners=2)
    first, _ = listen(feed), listen(feed)
    assert feed.listen("door", "", lambda: None) is None
    assert (feed.listeners, feed.counters["refused"]) == (2, 1)
    feed.leave(first)
    feed.leave(first)
    assert feed.listeners == 1
    listen(feed)
    feed.hear(event(1))
    assert numbers(first) == []


def test_nobody_listens_to_what_has_ended(feed: Feed) -> None:
    feed.end()
    assert feed.listen(None, "", lambda: None) is None
