"""docs/transforms.md says what the transforms say of themselves, and its pictures are there and can be made."""

from __future__ import annotations

from difflib import unified_diff

import cv2
import numpy as np
import pytest

from relay.transform.listing import list_all
from scripts.transforms_page import EXAMPLES, HEIGHT, PAGE, WIDTH, page, sheet, street


def test_the_page_is_what_the_transforms_say_of_themselves() -> None:
    written, wanted = PAGE.read_text(encoding="utf-8").splitlines(), page().splitlines()
    other = [line for line in unified_diff(written, wanted, n=0, lineterm="") if line[0] in "+-"]
    assert other == [], "make it anew: .venv/bin/python -m scripts.transforms_page"


def test_every_transform_has_its_section() -> None:
    text = page()
    assert [one.name for one in list_all() if f"\n### `{one.name}`\n" not in text] == []


@pytest.mark.parametrize("group", EXAMPLES)
def test_a_group_is_shown_before_and_after(group: str) -> None:
    shown = sheet(group)
    written = cv2.imread(str(PAGE.with_suffix("") / f"{group}.jpg"))
    assert written is not None
    assert written.shape == shown.shape
    assert np.abs(written.astype(int) - shown).mean() < 4, "make it anew: .venv/bin/python -m scripts.transforms_page"
    height = len(shown) // len(EXAMPLES[group])
    for n in range(len(EXAMPLES[group])):
        before, after = (shown[n * height : (n + 1) * height, x : x + WIDTH] for x in (0, WIDTH + 4))
        assert np.abs(before[20:].astype(int) - after[20:]).mean() > 1


def test_the_street_has_room_for_all() -> None:
    assert street().shape == (HEIGHT, WIDTH, 3)
