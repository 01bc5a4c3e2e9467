"""What is kept of events, what goes when there is too much, and what a killed relay leaves."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.noticed import DAY_S, found, listed, ns, picture_of, timed
from relay.errors import StoreError
from relay.events.store import DATABASE_FILE, MOST_LISTED, EventStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from relay.events.model import TimedEvent

JPEG = b"\xff\xd8picture\xff\xd9"


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Callable[..., EventStore]]:
    """Opens the store of the test's folder, after the one that was opened before was closed."""
    opened: list[EventStore] = []

    def make(**settings: Any) -> EventStore:
        for store in opened:
            assert store.close(5)
        opened.append(EventStore(tmp_path, **{"days": 30, "pictures_mb": 512, **settings}))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[..., EventStore]) -> EventStore:
    return reopen()


def settled(store: EventStore) -> EventStore:
    """The store, when all was written."""
    assert wait_until(lambda: not store._unwritten())
    return store


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.005)
    return True


def names(store: EventStore, stream: str = "door", **asked: Any) -> list[str]:
    return [event.id for event in listed(store, stream, **asked)]


def test_what_is_put_is_there_with_its_end_and_its_picture(reopen: Callable[..., EventStore]) -> None:
    begun = replace(timed("motion", 1, zone="gäte", boxes=[[0.1, 1]]), has_picture=True)
    store = reopen()
    store.put(begun, JPEG)
    assert found(settled(store), begun.id) == begun
    over = replace(begun, end_ns=ns(5), data={"zone": "gäte", "score": 1})
    store.put(over)
    again = reopen()
    assert found(again, over.id) == over
    assert listed(again) == (over,)
    assert picture_of(again, over.id) == JPEG
    for stream, name in (("yard", over.id), ("door", "motion-0")):
        assert (found(again, name, stream), picture_of(again, name, stream)) == (None, None)


def test_what_waits_to_be_written_is_read_as_if_it_were(store: EventStore) -> None:
    kept, begun = timed("bell", 1, 1), replace(timed("motion", 3), has_picture=True)
    store.put(kept)
    settled(store)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put(begun, JPEG)
        store.put(replace(begun, end_ns=ns(4)))
        store.put(timed("bell", 2, 2))
        assert names(store) == [begun.id, timed("bell", 2).id, kept.id]
        assert names(store, limit=1, before=begun.id) == [timed("bell", 2).id]
        assert names(store, kinds=["bell"], until_ns=ns(2)) == [kept.id]
        assert found(store, begun.id) == replace(begun, end_ns=ns(4))
        assert picture_of(store, begun.id) == JPEG
        assert listed(store, "yard") == ()
        other.execute("ROLLBACK")
    settled(store)
    assert picture_of(store, begun.id) == JPEG


class TestAPage:
    @pytest.fixture
    def week(self, store: EventStore) -> EventStore:
        """A minute of motion every hour, a bell in between, and something that has gone on for long."""
        for hour in range(6):
            store.put(timed("motion", 3600 * hour, 3600 * hour + 60))
            store.put(timed("bell", 3600 * hour + 1800, 3600 * hour + 1800))
        store.put(timed("outage", 5000))
        store.put(timed("motion", 9, 10, stream="yard"))
        return settled(store)

    def test_the_newest_come_first_and_the_next_page_goes_on_behind_the_last(self, week: EventStore) -> None:
        everything = listed(week)
        starts = [event.start_ns for event in everything]
        assert (len(starts), starts) == (13, sorted(starts, reverse=True))
        pages: list[TimedEvent] = []
        while page := listed(week, limit=4, before=pages[-1].id if pages else ""):
            pages += page
        assert tuple(pages) == everything

    def test_those_that_begin_in_the_same_moment_are_not_lost_between_pages(self, store: EventStore) -> None:
        for n in range(5):
            store.put(timed("object", 1, 2, name=f"object-1-{n}"))
        first = names(settled(store), limit=2)
        rest = names(store, before=first[-1])
        assert sorted(first + rest) == [f"object-1-{n}" for n in range(5)]

    def test_it_has_what_was_going_on_in_a_time(self, week: EventStore) -> None:
        since, until = 3600 * 2 + 30, 3600 * 3
        going_on = listed(week, since_ns=ns(since), until_ns=ns(until))
        assert [event.kind for event in going_on] == ["bell", "motion", "outage"]
        assert names(week, since_ns=ns(3600 * 9)) == [timed("outage", 5000).id]
        assert names(week, until_ns=ns(0)) == []
        assert len(names(week, since_ns=-(10**30), until_ns=10**30)) == 13

    def test_it_has_the_kinds_that_are_asked_for(self, week: EventStore) -> None:
        assert {event.kind for event in listed(week, kinds=["bell", "outage"])} == {"bell", "outage"}
        assert names(week, kinds=["nothing"]) == []

    def test_behind_what_is_not_kept_there_is_nothing(self, week: EventStore) -> None:
        assert names(week, before="motion-5") == []

    def test_it_is_no_longer_than_anybody_can_read(self, store: EventStore) -> None:
        for n in range(MOST_LISTED + 1):
            store.put(timed("bell", n, n))
        assert len(names(store, limit=10**6)) == MOST_LISTED


class TestWhatIsTooMuch:
    def test_what_ended_long_ago_goes_with_its_picture_and_what_goes_on_stays(
        self, reopen: Callable[..., EventStore]
    ) -> None:
        store = reopen(days=7)
        old, new, going_on = timed("motion", 0, 5), timed("motion", DAY_S, DAY_S + 5), timed("outage", 1)
        for event in (old, new, going_on):
            store.put(event, JPEG)
        settled(store).note_alive(ns(7 * DAY_S + 6))
        settled(store)
        assert names(store) == [new.id, going_on.id]
        assert picture_of(store, old.id) is None
        store.note_alive(ns(8 * DAY_S + 6))
        assert names(settled(store)) == [going_on.id]

    def test_of_too_many_the_oldest_go_of_those_there_are_most_of(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay.events.store.MOST_EVENTS", 10)
        for n in range(2):
            store.put(timed("outage", n, n))
            store.put(timed("motion", n, n, stream="yard"))
        for n in range(100):
            store.put(timed("plate", 100 + n, 100 + n), JPEG)
        settled(store).note_alive(ns(200))
        settled(store)
        assert names(store, "yard") == [timed("motion", n).id for n in (1, 0)]
        kept = listed(store)
        assert [event.kind for event in kept] == ["plate"] * 6 + ["outage"] * 2
        assert kept[0].id == timed("plate", 199).id
        with closing(sqlite3.connect(store.path)) as connection:
            assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (6,)

    def test_the_oldest_pictures_go_first_and_the_events_stay(self, reopen: Callable[..., EventStore]) -> None:
        store = reopen(pictures_mb=1)
        events = [replace(timed("motion", n, n), has_picture=True) for n in range(5)]
        for event in reversed(events):
            store.put(event, JPEG * 27_000)
        settled(store).note_alive(ns(10))
        settled(store)
        assert [event.has_picture for event in listed(store)] == [True, True, True, False, False]
        pictures = [picture_of(store, event.id) for event in events]
        assert [picture is not None for picture in pictures] == [False, False, True, True, True]

    def test_what_was_deleted_is_not_in_the_file_any_more(self, reopen: Callable[..., EventStore]) -> None:
        store, face = reopen(days=1), b"\xff\xd8" + b"face" * 5000
        store.put(timed("face", 0, 1, whose="a-secret-name"), face)
        settled(store).close()
        assert face[:2000] in store.path.read_bytes()
        reopen(days=1).note_alive(ns(2 * DAY_S))
        reopen()
        left = store.path.read_bytes()
        assert (b"facefaceface" in left, b"a-secret-name" in left) == (False, False)

    def test_a_picture_that_is_too_large_is_dropped_and_counted(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay.events.store.MOST_PICTURE_BYTES", 5)
        store.put(replace(timed("motion", 1), has_picture=True), JPEG)
        (event,) = listed(store)
        assert (event.has_picture, store.counters()["event_pictures_dropped"]) == (False, 1)

    def test_without_room_for_pictures_none_is_kept(self, reopen: Callable[..., EventStore]) -> None:
        store = reopen(pictures_mb=0)
        assert not store.keeps_pictures
        store.put(timed("motion", 1), JPEG)
        assert picture_of(store, timed("motion", 1).id) is None


class TestADiskThatFails:
    @pytest.fixture
    def failing(self, reopen: Callable[..., EventStore]) -> Iterator[tuple[EventStore, sqlite3.Connection]]:
        """Another writer holds the database: for the store, a disk that does not take anything."""
        store = reopen(max_pending_rows=3)
        store._connection.execute("PRAGMA busy_timeout = 10")
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield store, other

    def test_begin_end_and_picture_wait_and_are_written_when_it_is_back(
        self, failing: tuple[EventStore, sqlite3.Connection]
    ) -> None:
        store, other = failing
        begun = replace(timed("motion", 1), has_picture=True)
        store.put(begun, JPEG)
        assert wait_until(lambda: store.problem != "")
        store.put(replace(begun, end_ns=ns(2)))
        assert found(store, begun.id) == replace(begun, end_ns=ns(2))
        other.execute("ROLLBACK")
        assert store.close(5)
        with closing(sqlite3.connect(store.path)) as connection:
            assert connection.execute("SELECT end_ns FROM events").fetchall() == [(ns(2),)]
            assert connection.execute("SELECT jpeg FROM pictures").fetchall() == [(JPEG,)]

    def test_past_the_bound_the_oldest_are_dropped_and_counted(
        self, failing: tuple[EventStore, sqlite3.Connection]
    ) -> None:
        store, other = failing
        store.put(timed("bell", 0, 0))
        assert wait_until(lambda: store.write_failures > 0)
        for n in range(1, 5):
            store.put(timed("bell", n, n))
        assert store.counters()["event_rows_dropped"] == 2
        other.execute("ROLLBACK")
        assert store.close(5)

    def test_pictures_that_wait_are_bounded_in_bytes(
        self, failing: tuple[EventStore, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, other = failing
        monkeypatch.setattr("relay.events.store.MOST_PENDING_BYTES", 2 * len(JPEG))
        for n in range(3):
            store.put(timed("bell", n, n), JPEG)
        assert store.pictures_dropped == 1
        other.execute("ROLLBACK")


class TestWhatAKilledRelayLeft:
    def test_it_is_over_at_the_last_time_that_is_known(self, reopen: Callable[..., EventStore]) -> None:
        store = reopen()
        store.put(timed("motion", 1))
        store.put(timed("object", 50, 52, stream="yard"))
        assert [event.end_ns for event in listed(reopen())] == [ns(52)]

    def test_that_a_relay_was_at_work_is_such_a_time(self, reopen: Callable[..., EventStore]) -> None:
        store = reopen()
        store.put(timed("motion", 1))
        store.note_alive(ns(90))
        store.note_alive(ns(100))
        store.put(timed("bell", 2, 2))
        assert [event.end_ns for event in listed(reopen(), kinds=["motion"])] == [ns(100)]

    def test_what_went_on_when_the_camera_went_away_was_over_then(self, reopen: Callable[..., EventStore]) -> None:
        store = reopen()
        store.put(timed("motion", 1))
        store.put(timed("outage", 5))
        store.put(timed("object", 9))
        store.put(timed("motion", 2, stream="yard"))
        store.note_alive(ns(100))
        ends = {event.kind: event.end_ns for event in listed(reopen())}
        assert ends == {"motion": ns(5), "object": ns(9), "outage": ns(100)}
        assert [event.end_ns for event in listed(reopen(), "yard")] == [ns(100)]

    def test_none_ends_before_it_began_where_the_clock_was_set_back(self, reopen: Callable[..., EventStore]) -> None:
        reopen().put(timed("motion", 500))
        reopen().note_alive(ns(1))
        assert [event.lasted_s for event in listed(reopen())] == [0]


def test_the_latest_names_are_told_the_oldest_first(store: EventStore) -> None:
    for n in (3, 1, 2):
        store.put(timed("bell", n, n))
    assert settled(store).latest_ids("door", 2) == tuple(timed("bell", n).id for n in (2, 3))
    assert store.latest_ids("yard", 2) == ()


def test_another_event_of_a_name_that_is_taken_does_not_replace_the_first(store: EventStore) -> None:
    store.put(timed("bell", 1, 1, name="bell-1"))
    settled(store).put(timed("bell", 2, 2, name="bell-1"))
    (kept,) = listed(settled(store))
    assert kept.start_ns == ns(1)


def test_only_the_owner_may_read_it(store: EventStore) -> None:
    store.put(timed("bell", 1, 1), JPEG)
    settled(store)
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()} == {0o600}


def test_a_file_that_is_no_database_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_text("not a database at all, " * 100)
    with pytest.raises(StoreError, match=r"cannot be used .*move it away"):
        EventStore(tmp_path, days=30, pictures_mb=512)


def test_one_that_is_gone_cannot_be_read(store: EventStore) -> None:
    store.close()
    store.path.unlink()
    for read in (lambda: listed(store), lambda: found(store, "bell-1"), lambda: picture_of(store, "bell-1")):
        with pytest.raises(StoreError, match="cannot be read"):
            read()


KILLED = """
import sys, time
from pathlib import Path
from relay.events.model import TimedEvent
from relay.events.store import EventStore
store = EventStore(Path(sys.argv[1]), days=30, pictures_mb=512)
for number in range(1, 1_000_000):
    now_ns = time.time_ns()
    event = TimedEvent(f"bell-{number}", "door", "bell", now_ns, None, {"number": number}, True)
    store.put(event, b"jpeg" * 5000)
    store.note_alive(now_ns)
    while store.rows_written < 2 * number:
        time.sleep(0.0005)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.clock
def test_a_kill_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if len(lines) == 20:
                process.kill()
        last = int([line for line in lines if line.endswith("\n")][-1])
    assert process.returncode == -signal.SIGKILL
    store = EventStore(tmp_path, days=30, pictures_mb=512)
    kept = listed(store, limit=MOST_LISTED)
    assert len(kept) in {last, last + 1}
    assert {event.data["number"] for event in kept} == set(range(1, len(kept) + 1))
    assert all(event.end_ns is not None and event.has_picture for event in kept)
    assert picture_of(store, f"bell-{last}") == b"jpeg" * 5000
    store.close()
