"""docs/transforms.md, from the transforms themselves, and its pictures: a drawn street before and after each of them.

.venv/bin/python -m scripts.transforms_page
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from fixtures.transforms import applied, moment, texture
from relay.config import TransformSettings
from relay.model import Picture
from relay.pixels import new_i420
from relay.taps import TapWriter
from relay.timeline import NS_PER_S
from relay.transform.base import GROUPS, Showing, Transform
from relay.transform.listing import list_all
from relay.transform.registry import make_link
from relay.walls import Taps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from relay.pixels import I420, Bgr
    from relay.transform.listing import Listed

    Spoil = Callable[[Bgr], list[Bgr]]

PAGE: Final = Path(__file__).parent.parent / "docs/transforms.md"
WIDTH, HEIGHT = 320, 180
_BAR: Final = 20
_QUALITY: Final = 85
_WORDS: Final = {
    "geometry": "Where what is seen lies in the picture. Two show other streams: the street mirrored, and in fog.",
    "correction": "What light, lens and sensor did to the picture, undone.",
    "drawing": "What is put on top.",
    "privacy": "What nobody is to see. [privacy.md](privacy.md) says what they promise, and what they cannot.",
    "watching": "They leave the picture as it is and tell what happens in it, as events.",
    "models": "Networks of your own, from ONNX files, by OpenCV.",
    "filters": "What FFmpeg has.",
}
_INTRODUCTION: Final = """\
# Transforms

Each picture goes through them in the order in which they are written, on the command line or in `relay.toml`:

```sh
relay serve rtsp://camera/ --transform "crop x=0 y=0 width=1280 height=600" --transform timestamp
relay transforms                                    # what there is
relay transforms try "brightness gamma=1.5" photo.png -o after.png
relay process in.mp4 out.mp4 --transform "scale height=360" --transform motion --events motion.jsonl
```

```toml
[streams.door]
source = "rtsp://camera/"
transforms = [
    "stabilise",
    { filter = "atadenoise,unsharp=5:5:0.8" },
    { name = "mask", zones = "0,0 0.3,0 0.3,1 0,1", how = "blur" },
]
```

Your own is `module:function`, as the README shows. `on_failure` says what is shown where one fails: `skip` goes on
without it, `freeze` leaves the picture out, `blank` shows black, `stop` shows the slate and says why. What hides
something shows black whatever is set. `scripts/transforms_page.py` makes this page and its pictures.
"""


def page() -> str:
    """The whole page."""
    text = _INTRODUCTION
    for group, found in groupby((one for one in list_all() if one.group in GROUPS), lambda one: one.group):
        text += f"\n## {group.capitalize()}\n\n{_WORDS[group]}\n"
        if group in EXAMPLES:
            text += f"\n![{group}: before and after](transforms/{group}.jpg)\n"
        text += "".join(map(_section, found))
    return text


def _section(one: Listed) -> str:
    text = f"\n### `{one.name}`\n\n{one.documentation}\n"
    if one.parameters:
        text += "\n| parameter | what it may be | default | |\n|---|---|---|---|\n"
    for parameter in one.parameters:
        default = "needed" if parameter.default is None else f"`{parameter.default}`"
        cells = (f"`{parameter.name}`", parameter.kind, default, parameter.description)
        text += "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
    return text


def street() -> Bgr:
    """Two houses, a road and a car, in daylight."""
    rows = np.linspace(0, 1, HEIGHT // 2)[:, None, None]
    sky = np.array([230, 170, 110]) * (1 - rows) + np.array([235, 215, 190]) * rows
    grass = np.array([50, 120, 60]) * (0.6 + 0.7 * texture(HEIGHT // 2, WIDTH, 3)[..., None])
    bgr = np.vstack([np.broadcast_to(sky, (HEIGHT // 2, WIDTH, 3)), grass]).clip(0, 255).astype(np.uint8)
    _fill(bgr, [(110, HEIGHT), (150, HEIGHT // 2), (170, HEIGHT // 2), (230, HEIGHT)], (95, 95, 100))
    for x, width, height, colour in ((15, 70, 75, (60, 80, 170)), (200, 100, 62, (150, 190, 210))):
        top = HEIGHT // 2 + 15 - height
        wall = np.array(colour) * (0.85 + 0.3 * texture(height, width, x)[..., None])
        bgr[top : top + height, x : x + width] = wall.clip(0, 255).astype(np.uint8)
        for left in range(x + 8, x + width - 12, 20):
            cv2.rectangle(bgr, (left, top + 12), (left + 9, top + 26), (70, 50, 40), -1)
        _fill(bgr, [(x - 5, top), (x + width + 5, top), (x + width // 2, top - 18)], (40, 50, 120))
    cv2.rectangle(bgr, (140, 130), (180, 150), (40, 40, 190), -1)
    cv2.rectangle(bgr, (148, 119), (172, 130), (200, 190, 170), -1)
    for x in (149, 171):
        cv2.circle(bgr, (x, 151), 6, (20, 20, 20), -1, cv2.LINE_AA)
    cv2.putText(bgr, "STREET 25", (212, 84), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    return bgr


def _fill(bgr: Bgr, points: list[tuple[int, int]], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(bgr, [np.array(points)], colour, cv2.LINE_AA)


def _as_it_is(bgr: Bgr) -> list[Bgr]:
    return [bgr]


def _dark(bgr: Bgr) -> list[Bgr]:
    return [_clipped(bgr * 0.2 + np.random.default_rng(1).normal(0, 1.5, bgr.shape))]


def _cold(bgr: Bgr) -> list[Bgr]:
    return [_clipped(bgr * np.array([1.2, 1, 0.75]))]


def _noisy(bgr: Bgr) -> list[Bgr]:
    rng = np.random.default_rng(1)
    return [_clipped(bgr + rng.normal(0, 12, bgr.shape)) for _ in range(15)]


def _soft(bgr: Bgr) -> list[Bgr]:
    return [np.asarray(cv2.GaussianBlur(bgr, (0, 0), 1.2), np.uint8)]


def _hazy(bgr: Bgr) -> list[Bgr]:
    clear = np.linspace(0.25, 0.85, HEIGHT)[:, None, None]
    return [_clipped(bgr * clear + np.array([225, 220, 215]) * (1 - clear))]


def _bent(bgr: Bgr) -> list[Bgr]:
    """As a wide lens shows it: each pixel comes from where the lens puts it when straightened."""
    camera = np.array([[0.8 * WIDTH, 0, WIDTH / 2], [0, 0.8 * WIDTH, HEIGHT / 2], [0, 0, 1]])
    places = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1).astype(np.float32)
    lens = np.array([-0.3, 0, 0, 0])
    straight = cv2.undistortPoints(places.reshape(-1, 1, 2), camera, lens, P=camera).reshape(HEIGHT, WIDTH, 2)
    bent = cv2.remap(bgr, straight[..., 0], straight[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return [np.asarray(bent, np.uint8)]


def _interlaced(bgr: Bgr) -> list[Bgr]:
    pictures = []
    for number in range(4):
        picture = np.roll(bgr, 6 * number, 1)
        picture[1::2] = np.roll(bgr, 6 * number + 3, 1)[1::2]
        pictures.append(picture)
    return pictures


def _clipped(bgr: NDArray[np.float64]) -> Bgr:
    return np.asarray(bgr.clip(0, 255), np.uint8)


EXAMPLES: Final[dict[str, list[tuple[str, Spoil]]]] = {
    "geometry": [
        ("crop x=80 y=44 width=160 height=90", _as_it_is),
        ("flip", _as_it_is),
        ("mosaic streams=mirrored,fog", _as_it_is),
        ('perspective corners="0.65,0.3 0.9,0.3 0.9,0.55 0.65,0.55"', _as_it_is),
        ("picture-in-picture stream=fog x=0.68 y=0.64 width=0.3 border=0.012", _as_it_is),
        ("rotate degrees=10 fit=inside", _as_it_is),
        ("scale width=160", _as_it_is),
        ("undistort k1=-0.3 focal=0.8", _bent),
    ],
    "correction": [
        ("brightness brightness=0.05 contrast=1.3 saturation=1.4", _as_it_is),
        ("clahe clip=4", _dark),
        ("dehaze", _hazy),
        ("deinterlace", _interlaced),
        ("denoise strength=8", _noisy),
        ("sharpen amount=1.2", _soft),
        ("white-balance red=1.3 blue=0.8", _cold),
    ],
    "drawing": [
        ('shape kind=rectangle points="0.4,0.6 0.6,0.9" thickness=0.02 colour=lime', _as_it_is),
        ('text text="Gate 3" position=bottom size=0.12', _as_it_is),
        ("timestamp timezone=UTC", _as_it_is),
    ],
    "privacy": [
        ('mask zones="0,0.1 0.3,0.1 0.3,0.7 0,0.7"', _as_it_is),
        ('mask zones="0.6,0.1 1,0.1 1,0.7 0.6,0.7" how=pixelate', _as_it_is),
        ('mask zones="0.4,0.6 0.6,0.6 0.6,0.9 0.4,0.9" how=blur inverse=true', _as_it_is),
    ],
    "filters": [
        ("filter graph=edgedetect", _as_it_is),
        ("filter graph=vignette,hue=s=0", _as_it_is),
    ],
}
"""By group: a transform as it is written on the command line, and what is done to the street beforehand."""


def sheet(group: str) -> Bgr:
    """All examples of `group`, one below the other: what was written, and the picture before and after it."""
    return np.vstack([_row(text, spoil(street())) for text, spoil in EXAMPLES[group]])


def _row(text: str, before: list[Bgr]) -> Bgr:
    link = make_link(TransformSettings.model_validate(text))
    if not isinstance(link, Transform):
        raise TypeError(f"{text} is none of our own")
    with _other_streams() as taps:
        if isinstance(link, Showing):
            link.meet(taps)
        after = applied(link, *[moment(_pack(bgr), number) for number, bgr in enumerate(before)])
    row = np.full((HEIGHT + _BAR + 6, 2 * WIDTH + 4, 3), 255, np.uint8)
    cv2.putText(row, text, (2, _BAR - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    for x, shown in ((0, before[-1]), (WIDTH + 4, _unpack(after[-1].i420))):
        rows, columns = shown.shape[:2]
        row[_BAR : _BAR + rows, x : x + columns] = shown
    return row


@contextmanager
def _other_streams() -> Iterator[Taps]:
    """Two streams beside this one, which leave their pictures as those of `relay serve` do."""
    with TemporaryDirectory() as folder:
        writers = []
        for name, (bgr,) in (("mirrored", _as_it_is(street()[:, ::-1])), ("fog", _hazy(street()))):
            writers.append(TapWriter(Path(folder), name, NS_PER_S * 60))
            writers[-1].write(Picture(0, 0, _pack(np.ascontiguousarray(bgr))), "bt709")
        yield Taps(folder, "street")
        for writer in writers:
            writer.close()


def _pack(bgr: Bgr) -> I420:
    i420 = new_i420(bgr.shape[1], bgr.shape[0])
    cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420, dst=i420)
    return i420


def _unpack(i420: I420) -> Bgr:
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420), np.uint8)


def main() -> None:
    """Write the page and its pictures."""
    PAGE.write_text(page(), encoding="utf-8")
    folder = PAGE.with_suffix("")
    folder.mkdir(exist_ok=True)
    for group in EXAMPLES:
        cv2.imwrite(str(folder / f"{group}.jpg"), sheet(group), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


if __name__ == "__main__":
    main()
