"""Plain advice from what `relay probe` measured. Pure: a list of rules, each a condition and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from relay.model import SourceInfo
    from relay.source.measure import Measured

LONG_GOP_S: Final = 4.0
HIGH_JITTER_MS: Final = 150.0
BUSY_SHARE: Final = 0.3
_QHD_PIXELS: Final = 2560 * 1440
_NO_PICTURE: Final = "after each reconnect nothing can be shown for so long."
_SHORTEN: Final = "Set its keyframe interval to 2 s, and switch 'smart' or '+' coding (H.264+, H.265+) off."


def advise(info: SourceInfo, measured: Measured, *, is_udp: bool = False, is_file: bool = False) -> list[str]:
    """What its owner can make better, most important first; empty if nothing."""
    if not measured.frames:
        return ["No video came while listening: look at the camera's own page, and try again with more --seconds."]
    advice = [*_network(measured, is_udp=is_udp), *_timestamps(measured)]
    if not is_file:
        advice += [*_keyframes(measured), *_coding(measured)]
    return [*advice, *_load(info, measured)]


def _keyframes(measured: Measured) -> list[str]:
    interval_s = measured.keyframe_interval_s
    if interval_s is None:
        return [f"No keyframe in {measured.seconds:.0f} s: {_NO_PICTURE} Set its keyframe interval (GOP) to 2 s."]
    if interval_s > LONG_GOP_S:
        return [f"Keyframes are {interval_s:.0f} s apart: {_NO_PICTURE} {_SHORTEN}"]
    return []


def _network(measured: Measured, *, is_udp: bool) -> list[str]:
    advice = []
    if is_udp and measured.decode_errors:
        advice.append('Packets are lost on the way: use rtsp_transport = "tcp".')
    elif measured.decode_errors:
        advice.append(f"{measured.decode_errors} frames came damaged: the camera's link or power is weak.")
    if measured.jitter_ms is not None and measured.jitter_ms > HIGH_JITTER_MS:
        advice.append(
            f"Frames come up to {measured.jitter_ms:.0f} ms late: typical of Wi-Fi or a busy link. A cable, a lower "
            "bitrate or a channel of its own helps; until then viewers are that much further behind."
        )
    return advice


def _timestamps(measured: Measured) -> list[str]:
    advice = []
    if measured.jumps:
        advice.append("The camera's timestamps jump (they are mended): set its clock by NTP.")
    if measured.backward_timestamps or measured.repeated_timestamps:
        faults = measured.backward_timestamps + measured.repeated_timestamps
        advice.append(f"{faults} timestamps repeat or go back: those frames are left out. New firmware may help.")
    if measured.missing_timestamps > measured.frames // 2:
        advice.append(
            "The camera sends no timestamps: the time of arrival is used, so motion is as even as the network."
        )
    return advice


def _coding(measured: Measured) -> list[str]:
    if measured.has_b_frames:
        return ["The camera uses B-frames, which cost delay: choose the Baseline or Main profile without B-frames."]
    return []


def _load(info: SourceInfo, measured: Measured) -> list[str]:
    advice = []
    share = (measured.decode_ms or 0) / 1000 * (measured.rate or 0)
    if info.video_codec == "mjpeg" and (share > BUSY_SHARE or measured.bitrate_kbps > 20_000):
        advice.append(
            f"MJPEG takes {measured.bitrate_kbps / 1000:.0f} Mbit/s and {share:.0%} of a processor core to decode: "
            "use the camera's H.264 stream if it has one, or a smaller size."
        )
    elif share > BUSY_SHARE:
        advice.append(f"Decoding takes {share:.0%} of a processor core: the camera's second (sub) stream is cheaper.")
    if info.width * info.height > _QHD_PIXELS:
        advice.append(
            f'{info.width}x{info.height} is more than most viewers show: set size = "1920x1080" to save work.'
        )
    return advice
