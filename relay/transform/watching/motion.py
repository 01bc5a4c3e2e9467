"""The `motion` transform: where something moves, told by zones, whatever the light and the weather do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from relay.timeline import NS_PER_S
from relay.transform.watching.background import Background
from relay.transform.watching.episode import Episode
from relay.transform.watching.marks import Box, outline
from relay.transform.watching.small import Halved
from relay.transform.watching.watcher import Duration, Watcher, luma_of, share, tell
from relay.transform.watching.zones import PolygonList, ZoneMap, masks

if TYPE_CHECKING:
    from relay.pixels import Plane
    from relay.transform.frame import Frame
    from relay.transform.watching.episode import Change

_LONGEST: Final = 320
"""The longer side of the small picture lies between half of this and this: 320 for 720p, 240 for 1080p."""
_BRIDGES: Final = 0.5
"""What is not seen for this share of the minimum duration is still the same motion."""


@dataclass
class _Zone:
    """One zone, in cells, and what goes on in it."""

    name: str
    mask: Plane
    least_cells: int
    episode: Episode
    portion: float = 0.0
    """The share of its cells that are in motion just now."""
    boxes: list[Box] = field(default_factory=list)
    """Around each thing that moves just now."""
    score: float = 0.0
    box: Box | None = None

    def __post_init__(self) -> None:
        self._size = cv2.countNonZero(self.mask)
        self._cells = np.empty_like(self.mask)
        self._labels = np.empty(self.mask.shape, np.int32)

    def look(self, moving: Plane, frame: Frame) -> None:
        """Take in the cells that move; emit what begins or ends by it."""
        cv2.bitwise_and(moving, self.mask, dst=self._cells)
        self.portion = cv2.countNonZero(self._cells) / self._size
        self.boxes = self._things()
        change = self.episode.step(frame.time_ns, is_seen=bool(self.boxes))
        is_over = change is not None and change.phase == "end"
        if change and is_over:
            self._tell(frame, change)
        if is_over or self.episode.is_idle:
            self.score, self.box = 0.0, None
        for box in self.boxes:
            self.box = self.box.around(box) if self.box else box
        self.score = max(self.score, self.portion) if self.boxes else self.score
        if change and not is_over:
            self._tell(frame, change)

    def _things(self) -> list[Box]:
        """A box around each group of cells that is large enough to count."""
        if cv2.countNonZero(self._cells) < self.least_cells:
            return []
        rows, columns = self._cells.shape
        _, _, stats, _ = cv2.connectedComponentsWithStats(self._cells, labels=self._labels, connectivity=8)
        return [
            Box(x / columns, y / rows, (x + width) / columns, (y + height) / rows)
            for x, y, width, height, size in stats[1:].tolist()
            if size >= self.least_cells
        ]

    def _tell(self, frame: Frame, change: Change) -> None:
        box = self.box.values() if self.box else None
        tell(frame, "motion", change, zone=self.name, score=share(self.score), box=box)


class _Activity:
    """How much moves, second by second."""

    def __init__(self) -> None:
        self._second = 0
        self._frames = 0
        self._sums: dict[str, float] = {}

    def count(self, zones: list[_Zone], frame: Frame) -> None:
        """Add this frame; emit the sums of the last second with the first frame of another."""
        second = frame.time_ns // NS_PER_S
        if second != self._second:
            if self._frames:
                scores = {name: share(total / self._frames) for name, total in self._sums.items()}
                frame.emit("activity", second=self._second, scores=scores)
            self._second, self._frames, self._sums = second, 0, {}
        self._frames += 1
        for zone in zones:
            self._sums[zone.name] = self._sums.get(zone.name, 0.0) + zone.portion


class Motion(Watcher):
    """Tells when something moves, and where; noise, rain and changes of light are not motion.

    Emits `motion` when motion begins in a zone and when it has ended, with, beside what all episodes have:

        zone    its name; "picture" where no zones are given
        score   the largest share of the zone that has been in motion at once, 0 to 1
        box     [x0, y0, x1, y1] around all that has moved so far, in shares of the picture

    and `activity` once a second, whether or not anything moves:

        second  the second that it is about, since the Unix epoch: the last in which there were frames
        scores  for each zone the share that was in motion, 0 to 1, as the mean of that second's frames

    What has moved and stands is no motion; nor is what fills more than half of the picture, which is taken for light.
    What is smaller than `min_area` is not seen; nor is what moves less than a thousandth of the picture's width in a
    fifth of a second, or differs from what is behind it by only a few levels. In rain more is asked for.
    """

    name: ClassVar = "motion"
    zones: ZoneMap = Field(
        default_factory=dict,
        description='polygons by name, "door: 0.1,0.2 0.4,0.2 0.4,0.9; gate: ..."; else the whole picture is one',
    )
    exclude: PolygonList = Field(default=(), description='polygons in which nothing counts, "x,y x,y x,y; ..."')
    sensitivity: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="0 to 1: how little something may differ from what is behind it"
    )
    min_area: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.0015, description="the smallest thing that counts, as a share of the picture's area"
    )
    min_duration_s: Duration = Field(default=0.3, description="seconds that something has to move before it is told")
    cooldown_s: Duration = Field(default=2.0, description="seconds without motion after which it is over")
    draw: bool = Field(default=False, description="draw boxes around what moves")
    _small: Halved = PrivateAttr()
    _background: Background = PrivateAttr()
    _activity: _Activity = PrivateAttr()
    _zones: list[_Zone] = PrivateAttr(default_factory=list)
    _grid: tuple[int, ...] = PrivateAttr(default=())

    def open(self) -> None:
        """Begin with nothing known of the place."""
        self._small, self._background, self._activity = Halved(_LONGEST), Background(self.sensitivity), _Activity()
        self._zones, self._grid = [], ()

    def apply(self, frame: Frame) -> None:
        """Compare the frame with what is usual. Raises `TransformError` for a zone that is wholly excluded."""
        moving = self._background.moving(self._small.of(luma_of(frame)), frame.time_ns)
        if moving is None:
            return
        if moving.shape != self._grid:
            self._lay_out(moving.shape[0], moving.shape[1])
        for zone in self._zones:
            zone.look(moving, frame)
        self._activity.count(self._zones, frame)
        if self.draw:
            for box in {box for zone in self._zones for box in zone.boxes}:
                outline(frame, box)

    def _lay_out(self, rows: int, columns: int) -> None:
        """The zones on a grid of this size. A camera that comes back with another keeps what goes on in them."""
        least_cells = max(1, math.ceil(self.min_area * rows * columns))
        known = {zone.name: zone for zone in self._zones}
        self._zones, self._grid = [], (rows, columns)
        for name, mask in masks(self.zones, self.exclude, columns, rows).items():
            zone = known.get(name)
            if zone is None:
                episode = Episode(self.min_duration_s, self.cooldown_s, self.min_duration_s * _BRIDGES)
                zone = _Zone(name, mask, least_cells, episode)
            self._zones.append(replace(zone, mask=mask, least_cells=least_cells))
