"""A tracker, told as a story."""

from __future__ import annotations

import pytest

from fixtures.viewing import Story


@pytest.fixture
def story() -> Story:
    return Story(idle_s=30)
