"""Text becomes masks of the size that was promised, with OpenCV 5's fonts and with the older ones."""

from __future__ import annotations

import threading

import pytest

from relay.pixels import lettering


@pytest.fixture(params=["outline", "stroke"] if lettering.HAS_OUTLINE_FONTS else ["stroke"])
def fonts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "HAS_OUTLINE_FONTS", request.param == "outline")


@pytest.mark.parametrize("size_px", [9, 20, 100])
@pytest.mark.parametrize("bold", [False, True])
def test_masks_have_the_promised_size_and_room_around_the_ink(fonts: None, size_px: int, bold: bool) -> None:
    mask = lettering.coverage("ÄÅgjpqy", size_px, bold=bold)
    assert mask.shape == (lettering.line_height(size_px), lettering.width_of("ÄÅgjpqy", size_px, bold=bold))
    assert mask.max() >= (160 if size_px < 20 else 250)
    if size_px >= 20:
        assert max(mask[0].max(), mask[-1].max()) < 128


def test_bold_has_more_ink() -> None:
    assert lettering.coverage("Text", 40, bold=True).sum() > 1.15 * lettering.coverage("Text", 40).sum()


def test_no_text_is_no_ink(fonts: None) -> None:
    assert not lettering.coverage("", 20).any()
    assert not lettering.coverage("   ", 20).any()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Straße nach Łódź", "Strasse nach Lodz"), ("façade Ångström øre", "facade Angstrom ore"),
        ("\u201cx\u201d \u2013 y\u2026", '"x" - y...'), ("двор", "????"), ("①½", "11?2"), ("a\nb", "a?b"),
    ],
)  # fmt: skip
def test_transliteration(text: str, plain: str) -> None:
    assert lettering.ascii_only(text) == plain


def test_every_thread_may_write(fonts: None) -> None:
    masks = []
    threads = [threading.Thread(target=lambda: masks.append(lettering.coverage("Text", 30).tobytes())) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert masks == [lettering.coverage("Text", 30).tobytes()] * 2
