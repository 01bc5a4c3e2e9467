"""A user's own transform runs as the README has it, not one letter changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from fixtures.pictures import only
from fixtures.readme import own_transform
from relay.pixels import split

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.pictures import MakeChain, MakePicture


@pytest.fixture
def paint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`paint.py` as the README says to save it, in the working directory."""
    written = own_transform()
    assert len(written.splitlines()) <= 5
    (tmp_path / "paint.py").write_text(written, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    sys.modules.pop("paint", None)


@pytest.mark.usefixtures("paint")
def test_five_lines_are_a_transform(make_chain: MakeChain, make_picture: MakePicture) -> None:
    before = make_picture(640, 360)
    untouched = split(before.i420.copy())
    y, _, v = split(only(make_chain("paint:box").process(before)).i420)
    assert (v[60:80, 20] > 220).all(), "its left edge is red"
    assert (abs(y[200:, 300:].astype(int) - untouched.y[200:, 300:]) <= 1).all()
