"""Chains, the pictures that they work on, and modules of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.pictures import corners, four_colours
from relay.config import TransformSettings
from relay.transform import Chain

if TYPE_CHECKING:
    from fixtures.pictures import FindCorners, MakeChain, MakePicture
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
