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

tried = set()

@pytest.mark.flaky(reruns=1)
@pytest.mark.parametrize("number", range({count}))
def test_that_passes_the_second_time(number):
    is_first = number not in tried
    tried.add(number)
    assert not is_first, "what was wrong at first"
"""


def run_flaky(folder: Path, count: int, *options: str) -> subprocess.CompletedProcess[str]:
    """So many tests that pass the second time, in a pytest of their own that ends as every run of ours does."""
    (folder / "test_flaky.py").write_text(FLAKY.format(count=count))
    (folder / "conftest.py").write_text("from tests.conftest import pytest_sessionfinish\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider", *options]
    return subprocess.run([*command, folder], capture_output=True, env=environment, text=True, timeout=50, check=False)


def test_what_a_first_try_failed_of_is_told_though_the_second_passed(tmp_path: Path) -> None:
    ran = run_flaky(tmp_path, 6)
    assert ran.returncode == 0, ran.stdout
    assert "AssertionError: what was wrong at first" in ran.stdout.partition("rerun test summary info")[2]
    assert ran.stdout.splitlines()[-1].startswith("Tests that needed their second try: 6.")


@pytest.mark.parametrize("options", [(), ("--numprocesses", "2")], ids=["one process", "two"])
def test_a_run_in_which_many_tests_needed_their_second_try_fails(tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = run_flaky(tmp_path, 7, *options)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout
    *_, summary, last = ran.stdout.splitlines()
    assert "7 passed, 7 rerun" in summary
    assert last.startswith("Tests that needed their second try: 7.")
