"""RTSP cameras whose UDP gets lost on the way, as behind most firewalls: played here, as no server does it."""

from __future__ import annotations

import base64
import re
import socket
import struct
import threading
from typing import TYPE_CHECKING

import av
import pytest

from fixtures.media import Clip, write_clip
from relay.config import StreamSettings
from relay.errors import SourceStalledError
from relay.source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets={}\r\na=control:video\r\n"
)
PERIOD_TICKS = 3600


class LossyCamera:
    """Agrees to every transport, and sends nothing over UDP; over TCP, all of a clip (H.264, RFC 6184 §5.6)."""

    def __init__(self, clip: Path) -> None:
        with av.open(clip) as container:
            frames = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        self._frames = [re.split(rb"\x00{2,3}\x01", frame)[1:] for frame in frames]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.transports: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/cam"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self._converse(connection)
                except OSError:
                    continue

    def _converse(self, connection: socket.socket) -> None:
        while request := connection.recv(4096).decode(errors="replace"):
            sequence = re.search(r"CSeq: (\d+)", request)
            head, body = [f"CSeq: {sequence[1] if sequence else 0}", "Session: 1"], ""
            match request.split()[0]:
                case "OPTIONS":
                    head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
                case "DESCRIBE":
                    head.append("Content-Type: application/sdp")
                    sets = [nal for nal in self._frames[0] if nal[0] & 31 in {7, 8}]
                    body = SDP.format(",".join(base64.b64encode(nal).decode() for nal in sets))
                case "SETUP":
                    transport = re.search(r"Transport: ([^\r]+)", request)
                    assert transport
                    self.transports.append("tcp" if "TCP" in transport[1] else "udp")
                    served = "" if "TCP" in transport[1] else ";server_port=9-10"
                    head.append(f"Transport: {transport[1].partition(',')[0]}{served}")
                case _:
                    pass
            head.append(f"Content-Length: {len(body)}")
            connection.sendall("\r\n".join(["RTSP/1.0 200 OK", *head, "", body]).encode())
            if request.startswith("PLAY") and self.transports[-1] == "tcp":
                connection.sendall(b"".join(self._packets()))

    def _packets(self) -> Iterator[bytes]:
        number = 0
        for index, nals in enumerate(self._frames):
            for nal in nals:
                is_last = nal is nals[-1]
                header = struct.pack(">BBHII", 0x80, 96 | is_last << 7, number, index * PERIOD_TICKS, 1)
                yield struct.pack(">BBH", 0x24, 0, len(header + nal)) + header + nal
                number += 1


@pytest.fixture
def lossy(tmp_path: Path) -> Iterator[LossyCamera]:
    clip = Clip(width=64, height=64, frames=50, codec_options={"x264-params": "annexb=1"})
    camera = LossyCamera(write_clip(tmp_path / "cam.h264", clip))
    yield camera
    camera.close()


def test_auto_turns_to_tcp_when_nothing_comes_over_udp(lossy: LossyCamera) -> None:
    stream = StreamSettings(source=lossy.url, rtsp_transport="auto", read_timeout_s=0.5, audio=False)
    source = open_source(stream, "cam")
    assert next(item for item in source.media() if item is not None).size
    assert lossy.transports == ["udp", "tcp"]
    source.close()


def test_udp_alone_hears_nothing(lossy: LossyCamera) -> None:
    stream = StreamSettings(source=lossy.url, rtsp_transport="udp", read_timeout_s=0.5, stall_after_s=0.5)
    source = open_source(stream, "cam")
    with pytest.raises(SourceStalledError, match=r"nothing came for 0\.5 s"):
        list(source.media())
    source.close()
