"""A whole worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.parent import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.hang_up()
    supervisor.worker.join(timeout=10)
    assert not supervisor.worker.is_alive()
