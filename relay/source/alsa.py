"""Linux microphones as ALSA lists them under /proc/asound, and the names by which they are opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc/asound")
_CARD: Final = re.compile(r"^ *(\d+) \[(\S+) *\]: \S+ - (.+)$", re.MULTILINE)
_PCM: Final = re.compile(r"^(\d+)-(\d+): ([^:]*):.*\bcapture \d+", re.MULTILINE)
_HARDWARE: Final = re.compile(r"(?:plug)?hw:(?:CARD=)?(?P<card>[\w-]+)")
_SYSTEM_CONFIG: Final = Path("/usr/share/alsa/alsa.conf")


@dataclass(frozen=True, slots=True)
class SoundInput:
    """A microphone or line input. `device` is a value for `microphone`, by the card's name, which outlives a reboot."""

    device: str
    card: str
    number: int
    name: str


def list_microphones(proc: Path = PROC) -> list[SoundInput]:
    """Everything on this machine that records; empty without ALSA."""
    try:
        cards, pcms = (proc / "cards").read_text(errors="replace"), (proc / "pcm").read_text(errors="replace")
    except OSError:
        return []
    return parse_inputs(cards, pcms)


def parse_inputs(cards: str, pcms: str) -> list[SoundInput]:
    """The recording devices in the texts of /proc/asound/cards and /proc/asound/pcm."""
    names = {int(number): (card, name.strip()) for number, card, name in _CARD.findall(cards)}
    found = []
    for number, device, stream in _PCM.findall(pcms):
        card, name = names.get(int(number), (str(int(number)), f"card {int(number)}"))
        found.append(SoundInput(f"hw:CARD={card},DEV={int(device)}", card, int(number), f"{name}, {stream.strip()}"))
    return found


def explain_silence(device: str, inputs: list[SoundInput]) -> str:
    """Why `device` cannot be opened, which ALSA does not say: every failure is an input/output error."""
    there = ", ".join(f"{item.device} ({item.name})" for item in inputs) or "none; is it plugged in?"
    match = _HARDWARE.match(device)
    if match is None:
        return f"the microphone {device!r} cannot be opened: name one by its card (found: {there})"
    if not is_missing(device, inputs):
        return (
            f"the microphone {device!r} cannot be opened: another programme is using it, or this user is not in the "
            "group 'audio'"
        )
    return f"there is no microphone {device!r} (found: {there})"


def is_missing(device: str, inputs: list[SoundInput]) -> bool:
    """Whether `device` names a card that is not there, so that ALSA need not be asked, which writes to the terminal."""
    match = _HARDWARE.match(device)
    return match is not None and not any(match["card"] in {item.card, str(item.number)} for item in inputs)


def use_system_configuration() -> None:
    """Tell the ALSA of FFmpeg's wheel where this system's configuration is: it looks where it was built."""
    if _SYSTEM_CONFIG.exists():
        os.environ.setdefault("ALSA_CONFIG_PATH", str(_SYSTEM_CONFIG))
