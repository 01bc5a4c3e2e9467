"""RTSP cameras that want a password, one transport alone, or TLS: each read for a moment, without a relay around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.processes import Camera
from fixtures.tools import write_certificate
from relay.config import StreamSettings
from relay.errors import SourceAuthError, SourceError, SourceFaultyError
from relay.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


def read(url: str, **settings: object) -> set[str]:
    """The kinds of the first twenty packets with something in them."""
    stream = StreamSettings.model_validate({"source": url, "read_timeout_s": 3, **settings})
    source = open_source(stream, "cam")
    kinds = set()
    count = 0
    try:
        for packet in source.media():
            if packet is not None:
                kinds.add(packet.stream.type)  # type: ignore[union-attr]  # a container gives packets alone
                count += 1
            if count == 20:
                return kinds
    finally:
        source.close()
    raise AssertionError("it ended")


@pytest.mark.parametrize("method", [pytest.param("basic", marks=pytest.mark.all), "digest"])
def test_a_password_is_said_by_the_method_that_the_camera_knows(tmp_path: Path, method: str) -> None:
    with Camera(tmp_path, "--user", "admin", "--password", "p@s:s", "--method", method) as camera:
        assert read(camera.url("/small", "admin:p@s:s")) == {"video", "audio"}
        for userinfo in ("", "admin:geheim"):
            with pytest.raises(SourceAuthError, match="401") as caught:
                read(camera.url("/small", userinfo))
            assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("only", "refused"), [("tcp", "udp"), pytest.param("udp", "tcp", marks=pytest.mark.all)])
def test_auto_takes_the_transport_that_the_camera_has(tmp_path: Path, only: str, refused: str) -> None:
    with Camera(tmp_path, "--only", only) as camera:
        assert "video" in read(camera.url("/small"), rtsp_transport="auto")
        with pytest.raises(SourceFaultyError, match='rtsp_transport = "auto"'):
            read(camera.url("/small"), rtsp_transport=refused)


def test_a_certificate_that_nobody_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = write_certificate(tmp_path)
    with Camera(tmp_path, "--certificate", str(certificate), "--user", "admin", "--password", "geheim") as camera:
        url = camera.url("/silent", "admin:geheim")
        with pytest.raises(SourceError, match=r"not trusted .*tls_verify = false") as caught:
            read(url)
        assert "geheim" not in str(caught.value)
        assert read(url, tls_verify=False) == {"video"}
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert read(url) == {"video"}
