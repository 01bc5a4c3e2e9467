"""A data folder, and a stream in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.keeping import Stage
from relay.supervisor import DataFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path)
    yield folder
    folder.close()


@pytest.fixture
def stage(folder: DataFolder) -> Stage:
    return Stage(folder)
