"""What tests/conftest.py promises to every other test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from blockbuster import BlockingError

from relay import config

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parent


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


@pytest.mark.parametrize(
    ("module", "is_so"),
    [
        ("cli/test_serve.py", True),
        ("worker/test_sync.py", True),
        ("serve/test_api.py", False),  # a single test of it
        ("test_wire.py", False),
    ],
)
def test_one_process_has_the_modules_that_the_clock_judges(
    pytestconfig: pytest.Config, module: str, is_so: bool
) -> None:
    conftest = pytestconfig.pluginmanager.get_plugin(str(TESTS / "conftest.py"))
    assert conftest
    is_clocked: Callable[[Path], bool] = conftest._is_clocked
    assert is_clocked(TESTS / module) == is_so
