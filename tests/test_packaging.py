"""What is in the package, and where the parts of it that are not ours come from."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hatchling.builders.wheel import WheelBuilder

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
LOCK = json.loads((ROOT / "package-lock.json").read_text())
WANTED = json.loads((ROOT / "package.json").read_text())["dependencies"]

FAKE_NPM = """#!/bin/sh
if [ "$1" = --version ]; then echo "$FAKE_NPM_VERSION"; exit; fi
echo "$@" >>"$FAKE_NPM_LOG"
test -f package-lock.json && mkdir -p node_modules/hls.js/dist
echo library >node_modules/hls.js/dist/hls.min.js
echo licence >node_modules/hls.js/LICENSE
"""


def load(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(script).stem, ROOT / script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hatch_build = load("hatch_build.py")


class Checkout:
    """A folder with what the build hook reads, and a PATH on which npm is what a test makes it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "checkout"
        self.root.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / name, self.root)
        self.vendor = self.root / hatch_build.VENDOR
        self.log = folder / "npm.log"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", str(self._bin))
        monkeypatch.setenv("FAKE_NPM_LOG", str(self.log))

    def install_npm(self, version: str = "10.2.4", script: str = FAKE_NPM) -> None:
        tools = {tool: shutil.which(tool, path=os.defpath) for tool in ("mkdir", "test")}
        for tool, path in tools.items():
            if path and not (self._bin / tool).exists():
                (self._bin / tool).symlink_to(path)
        (self._bin / "npm").write_text(script)
        (self._bin / "npm").chmod(0o755)
        self._monkeypatch.setenv("FAKE_NPM_VERSION", version)

    @property
    def hook(self) -> Any:
        return hatch_build.VendorHook(str(self.root), {}, None, None, "", "wheel")

    def build(self) -> None:
        self.hook.initialize("standard", {})

    def npm_runs(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, monkeypatch)


def test_the_lock_fixes_every_package_by_its_hash_and_names_no_server() -> None:
    packages = {path.removeprefix("node_modules/"): locked for path, locked in LOCK["packages"].items() if path}
    assert packages.keys() == WANTED.keys()
    for name, locked in packages.items():
        assert locked["version"] == WANTED[name]
        assert locked["integrity"].startswith("sha512-")
        assert "resolved" not in locked


def test_the_lock_of_the_players_that_only_tests_use_names_no_server_either() -> None:
    wanted = json.loads((ROOT / "fixtures/web/package.json").read_text())["dependencies"]
    packages = json.loads((ROOT / "fixtures/web/package-lock.json").read_text())["packages"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(locked["integrity"].startswith("sha512-") for path, locked in packages.items() if path)
    assert not any("resolved" in locked for locked in packages.values())


def test_the_build_takes_the_library_and_its_licence_from_npm(checkout: Checkout) -> None:
    checkout.install_npm()
    assert checkout.hook.dependencies() == []
    checkout.build()
    assert checkout.npm_runs() == ["ci --ignore-scripts --no-audit --no-fund --loglevel=error"]
    assert (checkout.vendor / "hls.min.js").read_text() == "library\n"
    assert (checkout.vendor / "hls.js.LICENSE").read_text() == "licence\n"


def test_npm_is_not_asked_again_until_the_lock_changes(checkout: Checkout) -> None:
    checkout.install_npm()
    checkout.build()
    checkout.build()
    assert len(checkout.npm_runs()) == 1
    lock = (checkout.root / "package-lock.json").read_text()
    (checkout.root / "package-lock.json").write_text(lock.replace(WANTED["hls.js"], "99.0.0"))
    checkout.build()
    assert len(checkout.npm_runs()) == 2


def test_once_filled_nothing_is_needed(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.install_npm()
    checkout.build()
    monkeypatch.setenv("PATH", "")
    assert checkout.hook.dependencies() == []
    checkout.build()


@pytest.mark.parametrize(
    ("version", "script"),
    [("6.14.18", FAKE_NPM), ("nonsense", FAKE_NPM), ("10.0.0", "#!/bin/sh\nexit 127\n"), ("10.0.0", "#!/no/such\n")],
    ids=["too old", "no version", "a shim that fails", "no interpreter"],
)
def test_an_npm_that_cannot_be_used_is_replaced_by_one_from_pypi(checkout: Checkout, version: str, script: str) -> None:
    checkout.install_npm(version, script)
    assert checkout.hook.dependencies() == [hatch_build.NODE_FROM_PYPI]


def test_without_npm_the_isolated_build_gets_node_and_another_says_what_is_missing(checkout: Checkout) -> None:
    assert checkout.hook.dependencies() == [hatch_build.NODE_FROM_PYPI]
    with pytest.raises(RuntimeError, match=r"needs npm 7 or newer: install Node\.js"):
        checkout.build()


def test_a_failed_download_leaves_no_half_of_it(checkout: Checkout) -> None:
    checkout.install_npm(script=FAKE_NPM.replace("echo licence", "exit 1; echo licence"))
    with pytest.raises(Exception, match="non-zero exit status"):
        checkout.build()
    assert not checkout.vendor.exists()


def test_without_npm_the_players_of_the_tests_are_fetched_by_one_that_pip_puts_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PATH", "")
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@" >"$0.log"\n: >"${0%/*}/npm"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    npm = Path(load("fixtures/web/install.py").npm())
    assert npm == tmp_path / "npm"
    assert npm.exists()
    assert python.with_name("python.log").read_text() == f"-m pip install --quiet {hatch_build.NODE_FROM_PYPI}\n"


def test_the_wheel_holds_the_package_with_its_pages_and_nothing_else(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = [name for name in archive.namelist() if ".dist-info/" in name]
    ours = (path for path in (ROOT / "relay").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packed == {path.relative_to(ROOT).as_posix() for path in ours}
    assert {"relay/py.typed", *(f"{hatch_build.VENDOR}/{name}" for name in hatch_build.VENDORED.values())} <= packed
    assert any(name.endswith("/licenses/LICENSE") for name in metadata)


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert version in headings[0]
