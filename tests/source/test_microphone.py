"""Microphones: what ALSA lists, and sound beside a picture that goes on whatever becomes of it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
import pytest
import structlog.testing

from relay.config import StreamSettings
from relay.source import alsa, open_source
from relay.source.alsa import SoundInput, explain_silence, list_microphones, parse_inputs
from relay.source.microphone import SAMPLE_RATE_HZ, Captured, Microphone, WithMicrophone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.pure  # relay/source/alsa.py

CARDS = """\
 0 [PCH            ]: HDA-Intel - HDA Intel PCH
                      HDA Intel PCH at 0xa1230000 irq 145
 1 [C920           ]: USB-Audio - HD Pro Webcam C920
                      HD Pro Webcam C920 at usb-0000:00:14.0-1, high speed
"""
PCMS = """\
00-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1
00-03: HDMI 0 : HDMI 0 : playback 1
01-00: USB Audio : USB Audio : capture 1
02-01: Loopback PCM : Loopback PCM : playback 8 : capture 8
"""
INPUTS = [
    SoundInput("hw:CARD=PCH,DEV=0", "PCH", 0, "HDA Intel PCH, ALC257 Analog"),
    SoundInput("hw:CARD=C920,DEV=0", "C920", 1, "HD Pro Webcam C920, USB Audio"),
    SoundInput("hw:CARD=2,DEV=1", "2", 2, "card 2, Loopback PCM"),
]


def test_what_records_is_listed_by_the_cards_name(tmp_path: Path) -> None:
    assert parse_inputs(CARDS, PCMS) == INPUTS
    (tmp_path / "cards").write_text(CARDS)
    (tmp_path / "pcm").write_text(PCMS)
    assert list_microphones(tmp_path) == INPUTS
    assert list_microphones(tmp_path / "none") == []
    assert parse_inputs("--- no soundcards ---\n", "") == []


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("hw:1,0", "another programme is using it, or this user is not in the group 'audio'"),
        ("plughw:CARD=C920", "another programme"),
        ("hw:7", r"there is no microphone 'hw:7' (found: hw:CARD=PCH,DEV=0 (HDA Intel PCH, ALC257 Analog)"),
        ("default", "name one by its card (found: hw:CARD=PCH"),
    ],
)
def test_why_one_cannot_be_opened(device: str, words: str) -> None:
    assert words in explain_silence(device, INPUTS)
    assert "is it plugged in?" in explain_silence("hw:7", [])


def test_alsa_reads_the_systems_configuration_unless_somebody_chose_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/mine")
    monkeypatch.setattr(alsa, "_SYSTEM_CONFIG", tmp_path)
    alsa.use_system_configuration()
    assert os.environ["ALSA_CONFIG_PATH"] == "/mine"
    monkeypatch.delenv("ALSA_CONFIG_PATH")
    monkeypatch.setattr(alsa, "_SYSTEM_CONFIG", tmp_path / "none")
    alsa.use_system_configuration()
    assert "ALSA_CONFIG_PATH" not in os.environ
    monkeypatch.setattr(alsa, "_SYSTEM_CONFIG", tmp_path)
    alsa.use_system_configuration()
    assert os.environ.pop("ALSA_CONFIG_PATH") == str(tmp_path)


def heard(first_us: int, samples: int = 480, channels: int = 2) -> Captured:
    return Captured(first_us, np.full((samples, channels), 7, np.int16))


class Script:
    """Captures what a test says, step by step: a list of chunks is one opening of the device."""

    def __init__(self, *openings: list[Captured]) -> None:
        self._openings = list(openings)
        self.is_done = threading.Event()

    def __call__(self, device: str) -> Iterator[Captured]:
        if not self._openings:
            self.is_done.set()
            raise av.error.OSError(5, "Input/output error", device)
        yield from self._openings.pop(0)


def test_what_was_heard_comes_before_the_next_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.source.microphone.FIRST_RETRY_S", 0.001)
    script = Script([heard(1_000), heard(11_000)], [heard(21_000, channels=1)])
    with structlog.testing.capture_logs() as logs:
        microphone = Microphone("default", script)
        assert script.is_done.wait(5)
        source = WithMicrophone(open_source(StreamSettings(source="test:?size=128x96"), "cam"), microphone)
        assert (source.info.width, source.info.audio_sample_rate, source.is_live) == (128, SAMPLE_RATE_HZ, True)
        media = source.media()
        frames = [next(media) for _ in range(4)]
        assert [frame.pts for frame in frames[:3] if isinstance(frame, av.AudioFrame)] == [1_000, 11_000, 21_000]
        assert [frame.layout.name for frame in frames[:3] if isinstance(frame, av.AudioFrame)][1:] == ["stereo", "mono"]
        assert frames[3] is None
        source.close()
    said = [entry["reason"] for entry in logs if entry["event"] == "the stream goes on without sound"]
    assert said
    assert all("the microphone 'default' cannot be opened" in reason for reason in said)
    assert len(said) <= 3


def test_sound_that_nobody_fetches_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.source.microphone.FIRST_RETRY_S", 0.001)
    script = Script([heard(n * 10_000) for n in range(300)])
    microphone = Microphone("default", script)
    assert script.is_done.wait(5)
    frames = microphone.take()
    assert sum(frame.samples for frame in frames) == 2 * SAMPLE_RATE_HZ
    assert frames[-1].pts == 299 * 10_000
    assert microphone.dropped == SAMPLE_RATE_HZ
    microphone.stop()


def test_a_source_with_a_microphone_is_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Fake(Microphone):
        def __init__(self, device: str) -> None:
            made.append(device)
            super().__init__(device, Script())

    monkeypatch.setattr("relay.source.Microphone", Fake)
    source = open_source(StreamSettings(source="test:?size=128x96&audio=0", microphone="alsa:hw:0"), "cam")
    assert made == ["hw:0"]
    assert source.info.audio_channels == 2
    assert source.sample_aspect == 1
    source.close()


def test_a_card_that_is_not_there_is_not_asked_for() -> None:
    asked: list[str] = []

    def never(device: str) -> Iterator[Captured]:
        asked.append(device)
        return iter(())

    with structlog.testing.capture_logs() as logs:
        microphone = Microphone("hw:4711", never)
        microphone.stop()
    assert not asked
    assert all("there is no microphone 'hw:4711'" in entry["reason"] for entry in logs)
