"""Chains, the pictures that they work on, and modules of users."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from fixtures.pictures import corners, four_colours
from relay.config import TransformSettings
from relay.transform import Chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fixtures.pictures import FindCorners, MakeChain, MakePicture, WriteModule
    from relay.model import Picture


@pytest.fixture
def picture() -> Picture:
    return four_colours()


@pytest.fixture
def make_picture() -> MakePicture:
    return four_colours


@pytest.fixture
def find_corners() -> FindCorners:
    return corners


@pytest.fixture
def make_chain() -> MakeChain:
    """A chain from the short forms that a command line has."""
    return lambda *links: Chain([TransformSettings.model_validate(link) for link in links])


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Writes a module into the working directory, where nothing else has put it on the path."""
    written = []

    def write(text: str, name: str = "") -> str:
        name = name or f"users_module_{tmp_path.name.replace('-', '_')}_{len(written)}"
        written.append(name)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield write
    for name in written:
        sys.modules.pop(name, None)
