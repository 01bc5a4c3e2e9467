"""Which encoder is taken: hardware that was seen to work, for which fakes stand here, else the processor."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from fixtures.media import moving_picture
from relay.encode import VideoEncoder, choice
from relay.encode.choice import Choice, why_it_fails
from relay.encode.encoders import Encoder, candidates
from relay.errors import EncodeError
from relay.ladder import only_rung
from relay.model import AccessUnit, Latency, StreamFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.model import Rung

STREAM = StreamFormat(160, 90, Fraction(30), audio=True, latency=Latency.LAN, encoder="auto")
RUNG = only_rung(STREAM)
SMALL = replace(RUNG, name="video-46p", width=82, height=46, profile="baseline")
SOFTWARE = candidates(replace(STREAM, encoder="software"), RUNG)[0]
SOON_S = 2.0


class Trials:
    """Says of each encoder what a test wants, and keeps who was tried."""

    def __init__(self, *working: str) -> None:
        self.working = working
        self.tried: list[tuple[str, int]] = []

    def __call__(self, encoder: Encoder, _stream: StreamFormat, rung: Rung) -> str:
        assert "profile" not in encoder.options
        self.tried.append((encoder.name, rung.width))
        return "" if encoder.name in self.working else "no such device"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Who was opened at which width; in the place of hardware nothing is."""
    found: list[tuple[str, int]] = []

    def open_coder(encoder: Encoder, _stream: StreamFormat, rung: Rung) -> object:
        if encoder.is_hardware and rung.width < 100:
            raise EncodeError(f"{encoder.name} cannot encode {rung.width}x{rung.height}: too small")
        found.append((encoder.name, rung.width))
        return object()

    monkeypatch.setattr(choice, "Coder", open_coder)
    return found


def test_the_first_that_works_is_taken_and_each_is_tried_once(opened: list[tuple[str, int]]) -> None:
    trials = Trials("h264_amf", "h264_v4l2m2m")
    choose = Choice(trials)
    with capture_logs() as logs:
        for _ in range(3):
            encoder, _ = choose.open(STREAM, RUNG)
            assert encoder.name == "h264_amf"
    assert trials.tried == [("h264_nvenc", 160), ("h264_qsv", 160), ("h264_amf", 160)]
    assert opened == [("h264_amf", 160)] * 3
    assert [(log["log_level"], log["encoder"]) for log in logs] == [
        ("debug", "h264_nvenc"),
        ("debug", "h264_qsv"),
        ("info", "h264_amf"),
    ]
    assert logs[0]["reason"] == "no such device"


def test_a_rung_that_hardware_has_no_use_for_is_encoded_in_software_and_the_others_are_not(
    opened: list[tuple[str, int]],
) -> None:
    choose = Choice(trials := Trials("h264_qsv"))
    assert [choose.open(STREAM, rung)[0].name for rung in (SMALL, RUNG, SMALL)] == ["libx264", "h264_qsv", "libx264"]
    assert {width for _, width in trials.tried} == {160}, "at the stream's size, whichever rung comes first"
    assert opened == [("libx264", 82), ("h264_qsv", 160), ("libx264", 82)]


def test_where_software_is_asked_for_nothing_is_tried(opened: list[tuple[str, int]]) -> None:
    choose = Choice(trials := Trials("h264_nvenc"))
    assert choose.open(replace(STREAM, encoder="software"), RUNG)[0].name == "libx264"
    assert (trials.tried, opened) == ([], [("libx264", 160)])


@pytest.mark.parametrize(
    ("asked", "codec", "reason"),
    [("nvenc", "h264", "no such device"), ("v4l2m2m", "av1", "it encodes no av1")],
)
@pytest.mark.usefixtures("opened")
def test_one_that_was_asked_for_by_name_and_does_not_work_is_told_of_once(asked: str, codec: str, reason: str) -> None:
    stream = replace(STREAM, encoder=asked)  # type: ignore[arg-type]  # parametrize knows no literals
    rung = replace(RUNG, codec=codec)  # type: ignore[arg-type]
    choose = Choice(Trials())
    with capture_logs() as logs:
        names = [choose.open(stream, rung)[0].name for _ in range(2)]
    assert names == [candidates(stream, rung)[-1].name] * 2
    (warning,) = [log for log in logs if log["log_level"] == "warning"]
    assert (warning["encoder"], warning["reason"]) == (asked, reason)


@pytest.mark.usefixtures("opened")
def test_rungs_that_start_together_wait_for_one_trial() -> None:
    begun, go_on = threading.Event(), threading.Event()
    tried = []

    def trial(encoder: Encoder, _stream: StreamFormat, _rung: Rung) -> str:
        tried.append(encoder.name)
        begun.set()
        assert go_on.wait(10)
        return ""

    choose = Choice(trial)
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(choose.open(STREAM, RUNG)[0].name)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (tried, names) == (["h264_nvenc"], ["h264_nvenc"] * 3)


def test_software_passes_the_trial_that_hardware_has_to() -> None:
    for codec in ("h264", "hevc", "av1"):
        rung = replace(RUNG, codec=codec)
        (encoder,) = candidates(replace(STREAM, encoder="software"), rung)
        assert why_it_fails(encoder, STREAM, rung) == "", codec


@pytest.mark.clock
def test_what_this_machine_has_is_found_soon_and_encodes() -> None:
    """Where there is some, that is taken: either way what is opened encodes, and nobody waits for what is not there."""
    began_s = time.monotonic()
    encoder = VideoEncoder(STREAM, RUNG, Choice())
    assert time.monotonic() - began_s < SOON_S
    (unit,) = encoder.encode(moving_picture(160, 90, 0), 0, is_idr=True) + encoder.flush()
    assert (unit.pts, unit.is_idr) == (0, True)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda units: units[:-1], "6 pictures went in, and these slots came out"),
        (lambda units: [replace(one, dts=one.pts - 2) for one in units], "decoded at another time"),
        (lambda units: [replace(one, is_idr=True) for one in units], "IDR pictures where none were asked for"),
        (lambda units: [replace(one, is_idr=one.pts == 0) for one in units], r"other way round: slots \[3\]"),
        (lambda units: [replace(one, data=without_sets(one.data)) for one in units], "can be decoded|nvalid data"),
        (lambda units: [replace(one, data=units[one.pts % 3].data) for one in units], "came out as"),
    ],
)
def test_an_encoder_that_does_not_do_what_it_was_told_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[list[AccessUnit]], list[AccessUnit]], words: str
) -> None:
    real = choice._encode_some
    monkeypatch.setattr(choice, "_encode_some", lambda coder, rung: spoil(real(coder, rung)))
    why = why_it_fails(SOFTWARE, STREAM, RUNG)
    assert re.search(words, why), why


def without_sets(data: bytes) -> bytes:
    """Start codes and NAL units of H.264 but for those of the types 7 and 8."""
    units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return b"".join(b"\0\0\0\1" + unit for unit in units if unit[0] & 31 not in {7, 8})


def test_an_encoder_that_ffmpeg_does_not_have_is_said() -> None:
    assert "h264_of_mars" in why_it_fails(replace(SOFTWARE, name="h264_of_mars"), STREAM, RUNG)
    assert "encodes no pictures" in why_it_fails(replace(SOFTWARE, name="aac"), STREAM, RUNG)


def test_pixels_are_put_into_the_order_that_an_encoder_wants() -> None:
    assert why_it_fails(replace(SOFTWARE, pixel_format="nv12"), STREAM, RUNG) == ""
