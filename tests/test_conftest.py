"""What tests/conftest.py promises to every other test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from blockbuster import BlockingError

from relay import config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text('[streams.cam]\nsource = "test:"\n')
    return path


async def test_code_of_ours_that_blocks_the_loop_fails_the_test(toml: Path) -> None:
    with pytest.raises(BlockingError):
        config.load(toml)


def test_without_a_loop_it_may_block(toml: Path) -> None:
    assert list(config.load(toml).streams) == ["cam"]
