"""Sources that are pushed: who is let in, what is read, and how it ends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import av
import pytest

from fixtures.media import Clip, write_clip
from fixtures.tools import free_port
from relay.config import StreamSettings
from relay.errors import (
    SourceAwaitedError,
    SourceEndedError,
    SourceNotFoundError,
    SourceStalledError,
    SourceUnreachableError,
    SourceUnsupportedError,
)
from relay.source import Entrance, PushBackoff, open_source
from relay.source import push as push_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from relay.model import PushDoor
    from relay.source import Source

pytestmark = pytest.mark.clock

CLIP = Clip(audio_codec="aac", frames=50)
RTMP = StreamSettings(source="rtmp:", open_timeout_s=5, read_timeout_s=0.5)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_module, "AWAIT_S", 0.2)
    monkeypatch.setattr(push_module, "UDP_WITHIN_S", 0.5)
    monkeypatch.setattr(push_module, "INTRODUCE_WITHIN_S", 0.2)


class Front:
    """The other side of an entrance: knows the door, and connects through it."""

    def __init__(self) -> None:
        self.doors: list[PushDoor] = []
        self.entrance = Entrance(self.doors.append)
        with pytest.raises(SourceAwaitedError):
            open_source(RTMP, "cam", entrance=self.entrance)

    def connect(self, token: str | None = None) -> socket.socket:
        (door,) = self.doors
        connection = socket.create_connection(("127.0.0.1", door.port), timeout=5)
        connection.sendall((door.token if token is None else token).encode())
        return connection


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front()
    yield front
    front.entrance.close()


@pytest.fixture(scope="module")
def flv(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("push") / "clip.flv", CLIP).read_bytes()


@pytest.fixture(scope="module")
def transport_stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("push") / "clip.ts", CLIP).read_bytes()


@pytest.fixture
def port() -> int:
    return free_port()


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def packets(source: Source) -> dict[str, int]:
    """How many packets of each kind come until the end, which is raised."""
    found: Counter[str] = Counter()

    def count() -> None:
        for item in source.media():
            if isinstance(item, av.Packet) and item.size:
                found[item.stream.type] += 1

    with pytest.raises(SourceEndedError, match="the sender hung up"):
        count()
    source.close()
    return found


def test_what_the_front_hands_over_is_read(front: Front, flv: bytes) -> None:
    def push() -> None:
        with front.connect() as connection:
            assert connection.recv(1) == b"+"
            connection.sendall(flv)

    pusher = in_thread(push)
    source = open_source(RTMP, "cam", entrance=front.entrance)
    assert (source.info.width, source.info.height, source.info.rate) == (320, 180, 25)
    assert (source.info.video_codec, source.info.audio_codec) == ("h264", "aac")
    assert source.is_live
    found = packets(source)
    assert found["video"] == 50
    assert found["audio"] > 80
    pusher.join()
    again = in_thread(push)  # the same door, for as long as the worker lives
    assert packets(open_source(RTMP, "cam", entrance=front.entrance))["video"] == 50
    again.join()


@pytest.mark.parametrize("token", ["", "x" * 32, "short"])
def test_who_is_not_the_front_is_not_let_in(front: Front, token: str) -> None:
    with front.connect(token) as connection:
        with pytest.raises(SourceAwaitedError):
            open_source(RTMP, "cam", entrance=front.entrance)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""


def test_a_token_is_not_shown(front: Front) -> None:
    (door,) = front.doors
    assert door.token not in repr(door)


def test_a_front_that_falls_silent_is_a_stall(front: Front, flv: bytes) -> None:
    connection = front.connect()
    connection.sendall(flv[: len(flv) // 2])
    source = open_source(RTMP.model_copy(update={"read_timeout_s": 0.2}), "cam", entrance=front.entrance)
    with pytest.raises(SourceStalledError, match=r"nothing came for \d"):
        list(source.media())
    source.close()
    connection.close()


def test_a_push_that_begins_with_nothing_is_a_stall(front: Front) -> None:
    settings = StreamSettings(source="rtmp:", open_timeout_s=0.3)
    with front.connect(), pytest.raises(SourceStalledError, match=r"nothing came for 0\.3 s"):
        open_source(settings, "cam", entrance=front.entrance)


def test_a_push_that_is_none(front: Front) -> None:
    with front.connect() as connection:
        connection.sendall(b"no video at all" * 100)
        connection.shutdown(socket.SHUT_WR)
        with pytest.raises((SourceEndedError, SourceUnsupportedError)) as raised:
            open_source(RTMP, "cam", entrance=front.entrance)
    assert raised.value.for_viewers in {"the camera has stopped sending", "the camera cannot be read"}


def test_a_sender_that_is_reset_has_hung_up(front: Front, flv: bytes) -> None:
    connection = front.connect()
    connection.sendall(flv)
    source = open_source(RTMP, "cam", entrance=front.entrance)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert packets(source) is not None


def test_rtmp_needs_relay_serve() -> None:
    with pytest.raises(SourceUnsupportedError, match="relay serve"):
        open_source(RTMP, "cam")


def mpegts(source: str, **settings: Any) -> StreamSettings:
    quick = {"source": source, "open_timeout_s": 5, "read_timeout_s": 0.5, "stall_after_s": 0.5, **settings}
    found = StreamSettings.model_validate(quick)
    assert found.is_push
    return found


def test_mpegts_over_tcp(port: int, transport_stream: bytes) -> None:
    settings, entrance = mpegts(f"tcp://127.0.0.1:{port}?listen"), Entrance()
    with pytest.raises(SourceAwaitedError, match="nobody sends"):
        open_source(settings, "cam", entrance=entrance)
    first = socket.create_connection(("127.0.0.1", port))
    first.sendall(transport_stream[: len(transport_stream) // 2])
    source = open_source(settings, "cam", entrance=entrance)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    first.sendall(transport_stream[len(transport_stream) // 2 :])
    first.close()
    assert packets(source)["video"] == 50
    with pytest.raises(SourceAwaitedError):
        open_source(settings, "cam", entrance=entrance)
    with socket.create_connection(("127.0.0.1", port)):
        pass
    entrance.close()


def send_datagrams(data: bytes, port: int, stopping: threading.Event) -> None:
    """The clip as often as it takes, seven packets a datagram, at three times its pace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while not stopping.is_set():
            for at in range(0, len(data), 7 * 188):
                sender.sendto(data[at : at + 7 * 188], ("127.0.0.1", port))
                if stopping.wait(0.003):
                    return


def test_mpegts_over_udp(port: int, transport_stream: bytes) -> None:
    settings = mpegts(f"udp://127.0.0.1:{port}")
    with pytest.raises(SourceAwaitedError, match="nobody sends"):
        open_source(settings, "cam", entrance=Entrance())
    stopping = threading.Event()
    sender = in_thread(lambda: send_datagrams(transport_stream, port, stopping))
    source = open_source(settings, "cam", entrance=Entrance())
    assert (source.info.width, source.info.video_codec, source.info.audio_codec) == (320, "h264", "aac")
    media = source.media()
    assert len([item for item, _ in zip(media, range(20), strict=False) if item is not None]) > 10
    stopping.set()
    with pytest.raises(SourceStalledError, match=r"nothing came for \d"):
        list(media)
    source.close()
    sender.join()


def test_an_address_that_cannot_be_had(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        with pytest.raises(SourceUnreachableError, match="is the port taken"):
            open_source(mpegts(f"udp://127.0.0.1:{port}"), "cam", entrance=Entrance())
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SourceUnreachableError, match="is the port taken"):
        open_source(mpegts(f"tcp://127.0.0.1:{port}?listen=1"), "cam", entrance=Entrance())
    with pytest.raises(SourceNotFoundError, match="no address of this machine"):
        open_source(mpegts("tcp://no-such.invalid:5004?listen"), "cam", entrance=Entrance())


@pytest.mark.parametrize("source", ["udp://127.0.0.1", "udp://127.0.0.1:70000", "tcp://:x?listen"])
def test_an_address_that_is_none(source: str) -> None:
    with pytest.raises(SourceUnsupportedError, match=r"udp://HOST:PORT or tcp://HOST:PORT\?listen"):
        open_source(mpegts(source), "cam", entrance=Entrance())


def test_listening_again_costs_nobody_anything() -> None:
    backoff = PushBackoff()
    for _ in range(10):
        assert backoff.delay_s(SourceAwaitedError("x"), 0) == 0
        assert backoff.delay_s(SourceEndedError("x"), 0) < 1
        assert backoff.delay_s(SourceStalledError("x"), 0) < 1
    delays_s = [backoff.delay_s(SourceUnsupportedError("x"), 0) for _ in range(8)]
    assert delays_s[-1] > 10 > delays_s[0]
