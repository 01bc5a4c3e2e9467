"""The command line as other users see it: `ps` shows no password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from relay import __main__ as main_module
from relay.__main__ import masked

LOOK = (
    "import sys; from pathlib import Path; from relay.__main__ import hide_credentials; hide_credentials();"
    "sys.stdout.buffer.write(Path('/proc/self/cmdline').read_bytes())"
)


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("rtsp://me:s3cret@camera/1", "rtsp://*********@camera/1"),
        ("rtsp://me:s3@c ret/?#@camera/1", "rtsp://**************@camera/1"),
        ("rtsp://me:sécret@camera/1", "rtsp://**********@camera/1"),
        ("http://camera/snap?user=me&pwd=s3cret&size=1", "http://camera/snap?user=**&pwd=******&size=1"),
        ("draw url=http://me:s3cret@camera/", "draw url=http://*********@camera/"),
        ("draw token=s3cret", "draw token=******"),
        ("rtsp://camera/1?size=1", "rtsp://camera/1?size=1"),
        ("mail@example.org", "mail@example.org"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_only_secrets_are_hidden_and_each_argument_for_itself(argument: str, shown: str) -> None:
    before, after = b"relay\0serve\0", b"\0--name\0a@b\0"
    assert masked(before + argument.encode() + after) == before + shown.encode() + after


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no place to hide them")
def test_what_ps_shows_is_what_is_left() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOOK, "rtsp://me:s3cret@camera/1", "--name", "door"],
        capture_output=True,
        check=True,
        timeout=30,
        cwd=Path(__file__).parents[1],
    )
    *_, source, option, name, end = ran.stdout.split(b"\0")
    assert (source, option, name, end) == (b"rtsp://*********@camera/1", b"--name", b"door", b"")


def test_where_there_is_no_such_place_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(main_module, "Path", lambda _: tmp_path / "none")
    main_module.hide_credentials()
    (tmp_path / "none").write_text("1 (odd) name) S")
    main_module.hide_credentials()
    monkeypatch.setattr(main_module.sys, "platform", "darwin")
    main_module.hide_credentials()
