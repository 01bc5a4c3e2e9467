"""What holds for every test: nothing may block an event loop, and long tests run only when asked for."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import hypothesis
import pytest
from blockbuster import blockbuster_ctx

if TYPE_CHECKING:
    from collections.abc import Iterator

# Hypothesis measures a single example's time, which says more of a busy machine than of the code; pytest-timeout stays.
hypothesis.settings.register_profile("relay", hypothesis.settings.default, deadline=None, max_examples=50)
hypothesis.settings.load_profile("relay")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run the tests marked `all`, which take long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    long = [item for item in items if item.get_closest_marker("all")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def _unblocked_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an asynchronous test in which code of ours makes a call that blocks the event loop."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    with blockbuster_ctx("relay"):
        yield
