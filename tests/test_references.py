"""Secrets that stand elsewhere: in the environment, or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay import config
from relay.errors import ConfigError
from relay.references import resolve

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str) -> Path:
    path = folder / "relay.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("rtsp://${CAM_USER}:${CAM_PASSWORD}@camera/1", "rtsp://me:a%40%2F%3A%2541@camera/1"),
        ("rtsp://${CAM_LOGIN}@camera/${CAM_USER}", "rtsp://me:s3cret@camera/me"),
        ("${CAM_URL}", "rtsp://me:s3cret@camera/1"),
        ("http://camera/?pwd=${CAM_PASSWORD}", "http://camera/?pwd=a@/:%41"),
        ("rtsp://me:$$literal$@camera/$${CAM_USER}", "rtsp://me:$$literal$@camera/${CAM_USER}"),
    ],
)
def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, written: str, source: str) -> None:
    monkeypatch.setenv("CAM_USER", "me")
    monkeypatch.setenv("CAM_PASSWORD", "a@/:%41")
    monkeypatch.setenv("CAM_LOGIN", "me:s3cret")
    monkeypatch.setenv("CAM_URL", "rtsp://me:s3cret@camera/1")
    assert config.load(source=written).streams["cam"].source == source
    assert resolve(written, "SOURCE") == source


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3/cret\n")
    settings = config.load(
        write(
            tmp_path, f'[streams.a]\nsource = "rtsp://me:${{file:{tmp_path}/password}}@camera/"\ntransforms = ["flip"]'
        )
    )
    assert settings.streams["a"].source == "rtsp://me:s3%2Fcret@camera/"


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAM_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match=r"source: the environment has no variable 'CAM_PASSWORD': set it"):
        config.load(source="rtsp://me:${CAM_PASSWORD}@camera/")
    with pytest.raises(
        ConfigError, match=rf"the file {tmp_path}/no that \${{file:{tmp_path}/no}} names cannot be read"
    ):
        config.load(source=f"${{file:{tmp_path}/no}}")
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it is no UTF-8 text"):
        config.load(source=f"${{file:{tmp_path}/odd}}")
