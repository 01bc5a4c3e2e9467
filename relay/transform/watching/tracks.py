"""From what a detector finds in single frames to visits: who is seen again, and again, is one visit. Pure.

Between two looks a thing is taken to go on as it went. What is found is the same thing where it overlaps best with the
place where that should be, both boxes grown by what nobody knows: as SORT does (Bewley et al. 2016), with the last pace
in place of a Kalman filter. Two who cross may be taken for each other; nobody is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.timeline import NS_PER_S
from relay.transform.watching.episode import Episode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.transform.watching.episode import Change
    from relay.transform.watching.marks import Box

_GROWN: Final = 0.25
"""By this share of its size a box grows on each side before it is compared."""
_LEAST_OVERLAP: Final = 0.1
"""Intersection over union of two grown boxes that may be the same thing."""
_GOES_ON_S: Final = 2.0
"""For so long something unseen is taken to go on; then to have stopped."""
_MOST_TRACKS: Final = 64
"""More at once are a crowd, or a detector gone wild."""


class Sighting(NamedTuple):
    """Something that was found in one frame, and the names of the zones that it is in."""

    label: str
    box: Box
    score: float
    zones: tuple[str, ...]


@dataclass
class Track:
    """Something that was seen, and may be seen again."""

    number: int
    label: str
    box: Box
    seen_ns: int
    episode: Episode
    score: float = 0.0
    """The best that it was given."""
    zones: list[str] = field(default_factory=list)
    """The names of all that it was in, in the order in which it came to them."""
    pace: tuple[float, float] = (0.0, 0.0)
    """Shares of the picture's width and height in a second, to the right and down."""

    def expected(self, now_ns: int) -> Box:
        """Where it should be by now."""
        elapsed_s = min(_GOES_ON_S, max(0.0, (now_ns - self.seen_ns) / NS_PER_S))
        return self.box.moved(self.pace[0] * elapsed_s, self.pace[1] * elapsed_s)

    def see(self, sighting: Sighting, now_ns: int) -> None:
        """It was found again, at another time."""
        elapsed_s = (now_ns - self.seen_ns) / NS_PER_S
        if elapsed_s > 0:
            (x, y), (last_x, last_y) = sighting.box.middle, self.box.middle
            self.pace = (x - last_x) / elapsed_s, (y - last_y) / elapsed_s
        self.box, self.seen_ns, self.score = sighting.box, now_ns, max(self.score, sighting.score)
        self.zones += [zone for zone in sighting.zones if zone not in self.zones]


class Tracks:
    """All that is or was there, each with an episode of its own; `every_s` is how often somebody looks."""

    def __init__(self, min_duration_s: float, cooldown_s: float, every_s: float) -> None:
        self._min_duration_s = min_duration_s
        self._cooldown_s = cooldown_s
        self._bridge_s = 1.5 * every_s  # it may be missed once
        self._tracks: list[Track] = []
        self._count = 0

    @property
    def lasting(self) -> list[Track]:
        """Those whose visit has begun and is not over."""
        return [track for track in self._tracks if track.episode.is_lasting]

    def step(self, sightings: Sequence[Sighting], now_ns: int) -> list[tuple[Track, Change]]:
        """Take in all that is found at one moment; the visits that begin or end by it, the oldest first."""
        new, seen = list(sightings), set()
        for track, sighting in _pairs(self._tracks, sightings, now_ns):
            track.see(sighting, now_ns)
            seen.add(track.number)
            new.remove(sighting)
        for sighting in sorted(new, key=lambda each: -each.score)[: _MOST_TRACKS - len(self._tracks)]:
            self._count += 1
            episode = Episode(self._min_duration_s, self._cooldown_s, self._bridge_s)
            track = Track(self._count, sighting.label, sighting.box, now_ns, episode)
            track.see(sighting, now_ns)
            self._tracks.append(track)
            seen.add(track.number)
        changes = [(track, track.episode.step(now_ns, is_seen=track.number in seen)) for track in self._tracks]
        self._tracks = [track for track in self._tracks if not track.episode.is_idle]
        return [(track, change) for track, change in changes if change]


def _pairs(tracks: Sequence[Track], sightings: Sequence[Sighting], now_ns: int) -> list[tuple[Track, Sighting]]:
    """Which of the sightings is which of the tracks: the best overlap first, each at most once."""
    overlaps = [
        (overlap, t, s)
        for t, track in enumerate(tracks)
        for s, sighting in enumerate(sightings)
        if track.label == sighting.label
        and (overlap := track.expected(now_ns).grown(_GROWN).overlap(sighting.box.grown(_GROWN))) >= _LEAST_OVERLAP
    ]
    found: dict[int, int] = {}
    for _, t, s in sorted(overlaps, reverse=True):
        if t not in found and s not in found.values():
            found[t] = s
    return [(tracks[t], sightings[s]) for t, s in found.items()]
