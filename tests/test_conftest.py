"""What tests/conftest.py promises to every other test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from blockbuster import BlockingError

from relay import config

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parent
ROOT = TESTS.parent


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


FLAKY = """
import pytest

tries = []

@pytest.mark.flaky(reruns=1)
def test_that_passes_the_second_time():
    tries.append(1)
    assert len(tries) > 1, "what was wrong at first"
"""


def test_what_a_first_try_failed_of_is_told_though_the_second_passed(tmp_path: Path) -> None:
    (tmp_path / "test_flaky.py").write_text(FLAKY)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider", tmp_path]
    ran = subprocess.run(command, capture_output=True, env=environment, text=True, timeout=50, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "AssertionError: what was wrong at first" in ran.stdout.partition("rerun test summary info")[2]
