"""The rules of CMAF media, from bytes alone: nothing is decoded.

M0 boxes at all · M1 ftyp · M2 mvex and its defaults · M3 nothing timed in the init · M4 sample entry ·
M5 no edit list · M6 fragments and tracks · M7 tfdt · M8 default-base-is-moof · M9 samples fill their mdat ·
M10 times run on · M11 the duration that was promised · M12 sync samples · M13 NAL units, OBUs · M14 parts make the
segment.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from relay.check import av1
from relay.check.avc import IRAP, NAL_IDR, nal_types
from relay.check.boxes import BASE_DATA_OFFSET, DEFAULT_BASE_IS_MOOF, BoxError, read_fragments, read_init
from relay.check.finding import Finding, must, should

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relay.check.boxes import Fragment, InitInfo, Sample, Track, TrackFragment

CMAF_BRANDS: Final = {"iso6", "iso7", "iso8", "iso9", "cmfc", "cmf2"}
"""default-base-is-moof came with iso5, but version 1 of `trun` with iso6, and CMAF asks for that."""
_OUT_OF_BAND: Final = {"avc3": "avc1", "hev1": "hvc1"}
_ISO: Final = "ISO/IEC 14496-12"
_AV1: Final = "AV1 in ISOBMFF §2.4"


def check_init(data: bytes) -> list[Finding]:
    """All that is wrong with an initialization segment."""
    try:
        init = read_init(data)
    except BoxError as error:
        return [must("M0", _ISO, str(error))]
    findings: list[Finding] = []
    if init.boxes[0] != "ftyp" or not CMAF_BRANDS & set(init.brands):
        message = f"it begins with {init.boxes[0]}, brands {', '.join(init.brands) or 'none'}"
        findings.append(must("M1", "ISO/IEC 23000-19 (CMAF)", message, "ftyp"))
    if "moof" in init.boxes or "mdat" in init.boxes:
        findings.append(must("M1", "RFC 8216 §3.3", "it holds media"))
    if not init.tracks:
        findings.append(must("M2", _ISO, "there is no track", "moov"))
    if not init.has_mvex:
        findings.append(must("M2", f"{_ISO} §8.8.1", "there is no mvex", "moov"))
    if init.duration:
        findings.append(
            must("M3", "ISO/IEC 23000-19 (CMAF)", f"mvhd claims a duration of {init.duration}", "moov/mvhd")
        )
    for track in init.tracks:
        findings += _check_track(track, has_mvex=init.has_mvex)
    return findings


def check_segment(
    data: bytes,
    init: bytes | InitInfo,
    previous_end: Mapping[int, int] | None = None,
    *,
    must_start_independent: bool = False,
    duration_s: Fraction | None = None,
) -> list[Finding]:
    """All that is wrong with a segment or part.

    `previous_end`: what `segment_end` gave for the segment before (a track missing there may start anywhere);
    `duration_s`: EXTINF or the part's DURATION, which the media must last to within a frame.
    """
    try:
        info = init if not isinstance(init, bytes) else read_init(init)
        fragments = read_fragments(data, info)
    except BoxError as error:
        return [must("M0", _ISO, str(error))]
    if not fragments:
        return [must("M6", _ISO, "there is no moof")]
    findings = _check_order(fragments)
    ends = dict(previous_end or {})
    seen: set[int] = set()
    for fragment in fragments:
        misplaced = _check_data(fragment)
        findings += misplaced
        for traf in fragment.tracks:
            where = f"moof {fragment.sequence_number}, track {traf.track_id}"
            track = info.track(traf.track_id)
            if track is None:
                findings.append(must("M6", _ISO, "the init has no such track", where))
                continue
            findings += _check_track_fragment(traf, ends.get(traf.track_id), where)
            ends[traf.track_id] = (traf.decode_time or 0) + traf.duration
            needs_sync = must_start_independent and traf.track_id not in seen
            seen.add(traf.track_id)
            if needs_sync and not (traf.samples and traf.samples[0].is_sync):
                findings.append(must("M12", "Apple 7.4", "it does not start with a sync sample", where))
            if not misplaced:
                findings += _check_samples(data, track, traf.samples, where)
    if duration_s is not None:
        findings += _check_duration(fragments, info, duration_s)
    return findings


def segment_end(data: bytes, init: bytes | InitInfo) -> dict[int, int]:
    """Where each track's next `tfdt` must be, in its ticks, by track number. Raises `BoxError`."""
    info = init if not isinstance(init, bytes) else read_init(init)
    return {
        traf.track_id: (traf.decode_time or 0) + traf.duration
        for fragment in read_fragments(data, info)
        for traf in fragment.tracks
    }


def check_parts(parts: Sequence[bytes], segment: bytes) -> list[Finding]:
    """M14: a segment is its parts, one after the other (RFC 8216bis §4.4.4.9: the same media)."""
    if b"".join(parts) != segment:
        sizes = f"{sum(map(len, parts))} bytes of parts, {len(segment)} of segment"
        return [must("M14", "RFC 8216bis §4.4.4.9", f"the parts are not the segment: {sizes}")]
    return []


def _check_track(track: Track, *, has_mvex: bool) -> list[Finding]:
    where = f"moov, track {track.track_id}"
    findings: list[Finding] = []
    if has_mvex and not track.has_defaults:
        findings.append(must("M2", f"{_ISO} §8.8.3", "there is no trex for it", where))
    if track.duration or track.table_samples:
        message = f"duration {track.duration}, {track.table_samples} samples in its tables, where all should be 0"
        findings.append(must("M3", "ISO/IEC 23000-19 (CMAF)", message, where))
    if track.entry in _OUT_OF_BAND:
        message = f"{track.entry}: Apple's players want {_OUT_OF_BAND[track.entry]}"
        findings.append(must("M4", "Apple 1.10", message, where))
    elif track.codecs == track.entry and track.entry in {"avc1", "hvc1", "hev1", "av01", "mp4a"}:
        findings.append(must("M4", "RFC 6381 §3.3", f"{track.entry} without its configuration", where))
    if track.timescale == 0:
        findings.append(must("M4", f"{_ISO} §8.4.2", "its timescale is 0", where))
    if track.has_edit_list:
        # Chrome applies it, Safari does not, so audio and video part.
        findings.append(should("M5", "ISO/IEC 23000-19 (CMAF)", "an edit list", where))
    return findings


def _check_order(fragments: Sequence[Fragment]) -> list[Finding]:
    return [
        must("M6", f"{_ISO} §8.8.5", f"mfhd {after.sequence_number} comes after {before.sequence_number}")
        for before, after in pairwise(fragments)
        if after.sequence_number <= before.sequence_number
    ]


def _check_data(fragment: Fragment) -> list[Finding]:
    """M9: every sample lies in the mdat behind its moof, no two overlap, and together they fill it."""
    where = f"moof {fragment.sequence_number}"
    clause = f"{_ISO} §8.8.8"
    spans = sorted((s.offset, s.offset + s.size) for traf in fragment.tracks for s in traf.samples)
    if fragment.data_end == 0:
        return [must("M9", clause, "there is no mdat behind it", where)]
    if spans and (spans[0][0] < fragment.data_start or spans[-1][1] > fragment.data_end):
        message = f"samples at {spans[0][0]}-{spans[-1][1]}, mdat at {fragment.data_start}-{fragment.data_end}"
        return [must("M9", clause, message, where)]
    if any(after[0] < before[1] for before, after in pairwise(spans)):
        return [must("M9", clause, "samples overlap", where)]
    total = sum(end - start for start, end in spans)
    if total != fragment.data_end - fragment.data_start:
        message = f"samples have {total} bytes, the mdat {fragment.data_end - fragment.data_start}"
        return [must("M9", clause, message, where)]
    return []


def _check_track_fragment(traf: TrackFragment, expected: int | None, where: str) -> list[Finding]:
    findings: list[Finding] = []
    if traf.flags & BASE_DATA_OFFSET or not traf.flags & DEFAULT_BASE_IS_MOOF:
        findings.append(must("M8", "ISO/IEC 23000-19 (CMAF)", "its offsets are not relative to the moof", where))
    if traf.decode_time is None:
        return [*findings, must("M7", "RFC 8216 §3.3", "there is no tfdt", where)]
    if traf.tfdt_version == 0:
        findings.append(should("M7", f"{_ISO} §8.8.12", "tfdt has 32 bits: too few for a long run", where))
    if expected is not None and traf.decode_time != expected:
        message = f"tfdt {traf.decode_time} is {traf.decode_time - expected:+} ticks from where the last one ended"
        findings.append(must("M10", "Apple 7.3", message, where))
    return findings


def _check_samples(data: bytes, track: Track, samples: Sequence[Sample], where: str) -> list[Finding]:
    if track.entry == "av01":
        return _check_obus(data, samples, where)
    return _check_nal_units(data, track, samples, where) if track.nal_length_bytes else []


def _check_obus(data: bytes, samples: Sequence[Sample], where: str) -> list[Finding]:
    findings: list[Finding] = []
    for index, sample in enumerate(samples):
        units = av1.obus(data[sample.offset : sample.offset + sample.size])
        if not units:
            findings.append(must("M13", _AV1, f"sample {index}: OBUs do not end where it ends", where))
            continue
        if surplus := sorted({av1.LEFT_OUT[kind] for kind, _ in units if kind in av1.LEFT_OUT}):
            findings.append(should("M13", _AV1, f"sample {index} has {' and '.join(surplus)} in it", where))
        if av1.is_sync(units) != sample.is_sync:
            flagged = "sync" if sample.is_sync else "no sync"
            message = f"sample {index} has OBUs of the types {[kind for kind, _ in units]}, and its flags say {flagged}"
            findings.append(must("M12", _AV1, message, where))
    return findings


def _check_nal_units(data: bytes, track: Track, samples: Sequence[Sample], where: str) -> list[Finding]:
    findings: list[Finding] = []
    is_hevc = track.entry in {"hvc1", "hev1"}
    starts = IRAP if is_hevc else {NAL_IDR}
    for index, sample in enumerate(samples):
        types = nal_types(data[sample.offset : sample.offset + sample.size], track.nal_length_bytes, is_hevc=is_hevc)
        if not types:
            message = f"sample {index}: NAL lengths do not end where it ends"
            findings.append(must("M13", "ISO/IEC 14496-15", message, where))
        elif track.entry != "encv" and starts.isdisjoint(types) == sample.is_sync:
            flagged = "sync" if sample.is_sync else "no sync"
            message = f"sample {index} has NAL types {types}, and its flags say {flagged}"
            findings.append(must("M12", "ISO/IEC 14496-15", message, where))
    return findings


def _check_duration(fragments: Sequence[Fragment], init: InitInfo, promised_s: Fraction) -> list[Finding]:
    findings: list[Finding] = []
    for track in init.tracks:
        if track.timescale == 0:
            continue
        samples = [
            s for fragment in fragments for t in fragment.tracks if t.track_id == track.track_id for s in t.samples
        ]
        lasts_s = Fraction(sum(sample.duration for sample in samples), track.timescale)
        frame_s = Fraction(max((sample.duration for sample in samples), default=0), track.timescale)
        if abs(lasts_s - promised_s) >= frame_s:
            message = f"it lasts {float(lasts_s):.6f} s and was promised as {float(promised_s):.6f} s"
            findings.append(must("M11", "Apple 8.1", message, f"track {track.track_id}"))
    return findings
