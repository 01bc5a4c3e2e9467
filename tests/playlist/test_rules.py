"""Any sequence of parts, holes, new inits and reads gives playlists that obey the rules of `relay.check`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.published import FORMAT, MSN, make_part
from relay.check.epoch import check_epoch
from relay.check.finding import Finding, faults
from relay.check.history import check_delta, check_renditions, check_update
from relay.check.media_playlist import check_media_playlist
from relay.check.parsed import parse
from relay.model import Latency, LatencyProfile, MediaKind, StreamFormat
from relay.playlist import Answer, Directives, Report, Window, WindowSettings, decide, render_media
from relay.timeline import NS_PER_S, Grid

FORMATS = [
    FORMAT,
    replace(FORMAT, latency=Latency.INTERNET),
    replace(FORMAT, rate=Fraction(30000, 1001)),
    replace(FORMAT, rate=Fraction(25, 2), segment_s=Fraction(4)),
    replace(FORMAT, rate=Fraction(50), audio=False),
    replace(FORMAT, latency_profile=LatencyProfile.QUALITY),
]
OUTAGE_RULES = {"P9", "L9"}
"""After a hole the window begins again by design: few segments, and a hinted part that never came."""

READ_EVERY_PARTS = 3


@dataclass
class Origin:
    """A stream of one or two renditions, published part by part, and read after each step."""

    grid: Grid
    has_audio: bool
    at: tuple[int, int] = (MSN, 0)
    init: int = 1
    now_ns: int = 0
    windows: dict[MediaKind, Window] = field(default_factory=dict)
    texts: dict[MediaKind, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in (MediaKind.VIDEO, MediaKind.AUDIO) if self.has_audio else (MediaKind.VIDEO,):
            of_window = WindowSettings.of(self.grid, kind, segments_listed=7, has_audio=self.has_audio)
            self.windows[kind] = Window(of_window)

    def publish(self, parts: int) -> None:
        for _ in range(parts):
            for kind, window in self.windows.items():
                part = make_part(self.grid, kind, *self.at)
                assert window.append(part, f"init-{self.init}.mp4", self.now_ns) is not None
            self.now_ns += int(self.grid.part_s * NS_PER_S)
            msn, index = self.at
            self.at = (msn, index + 1) if index + 1 < self.grid.parts_per_segment else (msn + 1, 0)

    def jump(self, segments: int) -> None:
        self.at = (self.at[0] + segments, 0)
        self.now_ns += int(segments * self.grid.segment_s * NS_PER_S)

    def restart_encoder(self) -> None:
        if self.at[1]:
            self.at = (self.at[0] + 1, 0)
        self.init += 1

    def read(self) -> list[Finding]:
        """All that a reader of every playlist finds now."""
        if any(decide(window, Directives()) is not Answer.NOW for window in self.windows.values()):
            return []
        findings: list[Finding] = []
        for kind, window in self.windows.items():
            reports = [
                Report(f"../{other.value}-1/index.m3u8", *last.last_part)
                for other, last in self.windows.items()
                if other is not kind and last.last_part
            ]
            text, delta = render_media(window, reports), render_media(window, reports, skip=True)
            findings += check_media_playlist(text) + check_media_playlist(delta)
            findings += check_delta(parse(text), parse(delta))
            if kind in self.texts:
                findings += check_update(parse(self.texts[kind]), parse(text))
            self.texts[kind] = text
        return findings + check_renditions({kind.value: parse(text) for kind, text in self.texts.items()})


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 9)),
        st.tuples(st.just("jump"), st.integers(4, 50)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20)
@given(stream=st.sampled_from(FORMATS), steps=STEPS)
def test_any_history_obeys_the_rules(stream: StreamFormat, steps: list[tuple[str, int]]) -> None:
    origin = Origin(Grid.of(stream), stream.audio)
    findings: list[Finding] = []
    has_hole = False
    for step, count in steps:
        if step == "publish":
            for _ in range(count):
                origin.publish(READ_EVERY_PARTS)
                findings += origin.read()
        elif step == "jump":
            origin.jump(count)
            has_hole = True
        else:
            origin.restart_encoder()
            has_hole = True
    origin.publish(2 * origin.grid.parts_per_segment)
    findings += origin.read()
    for window in origin.windows.values():
        window.end(origin.now_ns)
    findings += origin.read()
    assert [one for one in faults(findings) if not (has_hole and one.rule in OUTAGE_RULES)] == []


@settings(max_examples=20)
@given(stream=st.sampled_from(FORMATS), parts=st.integers(20, 150))
def test_without_faults_the_playlist_follows_from_the_grid(stream: StreamFormat, parts: int) -> None:
    grid = Grid.of(stream)
    origin = Origin(grid, stream.audio)
    origin.publish(parts)
    assert faults(origin.read()) == []
    for kind, text in origin.texts.items():
        assert faults(check_epoch(parse(text), grid, kind)) == []


@given(
    segments_listed=st.integers(6, 12), parts=st.integers(1, 300), jump_at=st.integers(0, 300), jump=st.integers(4, 9)
)
def test_what_was_listed_can_be_fetched_for_as_long_as_it_is_owed(
    segments_listed: int, parts: int, jump_at: int, jump: int
) -> None:
    grid = Grid.of(FORMAT)
    of_window = WindowSettings.of(grid, MediaKind.VIDEO, segments_listed=segments_listed, has_audio=False)
    window, part_ns, at = Window(of_window), int(grid.part_s * NS_PER_S), (MSN, 0)
    last_listed_ns: dict[int, int] = {}
    for n in range(parts):
        if n == jump_at:
            at = (at[0] + jump, 0)
        now_ns = n * part_ns
        assert window.append(make_part(grid, MediaKind.VIDEO, *at), "init-1.mp4", now_ns) is not None
        at = (at[0], at[1] + 1) if at[1] < 9 else (at[0] + 1, 0)
        for segment in window.listed:
            last_listed_ns[segment.msn] = now_ns
        for msn, listed_ns in last_listed_ns.items():
            # Its own duration and the playlist that held it: at least itself.
            if now_ns < listed_ns + 4 * NS_PER_S:
                assert window.segment(msn) is not None
    kept = sum(window.segment(msn) is not None for msn in last_listed_ns)
    assert kept <= 2 * segments_listed + 4
