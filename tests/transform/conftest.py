"""Chains, the pictures that they work on, and modules of users."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fixtures import links
from fixtures.pictures import corners, four_colours
from relay.config import TransformSettings
from relay.transform import Chain, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.pictures import FindCorners, InstallPackage, MakeChain, MakePicture
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
def make_chain() -> Iterator[MakeChain]:
    """An open chain from the short forms that a command line has. It is in no hurry; keywords are those of `Setup`."""
    chains = []

    def make(*written: object, **setup: Any) -> Chain:
        settings = [TransformSettings.model_validate(link) for link in written]
        chain = Chain(settings, Setup(**{"period_s": math.inf, **setup}))
        chains.append(chain)
        chain.open()
        return chain

    yield make
    for chain in chains:
        chain.close()


@pytest.fixture
def told() -> list[str]:
    """What `chain_of` is told of failures."""
    return []


@pytest.fixture
def chain_of(make_chain: MakeChain, told: list[str]) -> Callable[..., Chain]:
    """A chain of links out of `fixtures.links`; what fails is told to `told`, time is theirs."""

    def make(*written: str, **setup: Any) -> Chain:
        names = [link if link.startswith(("fixtures.", "timestamp")) else f"fixtures.links:{link}" for link in written]
        return make_chain(*names, on_failure=lambda error: told.append(str(error)), **{"clock": links.CLOCK, **setup})

    return make


@pytest.fixture(autouse=True)
def _still() -> None:
    """The clock of `fixtures.links` begins anew."""
    links.CLOCK.now_s = 0.0


@pytest.fixture
def install_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstallPackage]:
    """Installs a package of one module, with entry points that name what is in it; the module's and package's name."""
    written: list[str] = []

    def install(text: str, names: dict[str, str]) -> str:
        module = f"installed_{tmp_path.name.replace('-', '_')}_{len(written)}"
        written.append(module)
        folder = tmp_path / f"site_{len(written)}"
        metadata = folder / f"{module}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        points = "\n".join(f"{name} = {module}:{attribute}" for name, attribute in names.items())
        (metadata / "entry_points.txt").write_text(f"[relay.transforms]\n{points}\n")
        monkeypatch.syspath_prepend(folder)
        return module

    yield install
    for name in written:
        sys.modules.pop(name, None)
