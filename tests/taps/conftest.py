"""A folder of taps, and the clock by which pictures become old."""

from __future__ import annotations

import pytest

from fixtures.taps import Ticker


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()
