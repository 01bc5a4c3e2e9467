"""The ALSA library that PyAV brings along, with the configuration that the system has."""

from __future__ import annotations

import time

import av.error
import pytest

from fixtures.tools import need_alsa_configuration
from relay.source import alsa
from relay.source.microphone import capture

pytestmark = pytest.mark.e2e


def test_the_alsa_of_the_wheel_with_the_systems_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    need_alsa_configuration()
    monkeypatch.setattr(alsa, "list_microphones", list)
    chunks = capture("null")
    first = next(chunks)
    assert first.samples.shape[1] == 2
    assert abs(first.time_us / 1e6 - time.time()) < 5
    chunks.close()  # type: ignore[attr-defined]  # a generator has it
    with pytest.raises(av.error.OSError):
        next(capture("hw:31"))
