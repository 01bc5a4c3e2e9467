"""The scripts that a newcomer types first."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures import tools

ROOT = Path(__file__).parent.parent
SCRIPTS = ["scripts/run", "scripts/test", "scripts/check", ".ci/run"]
SYSTEM_PACKAGES = (ROOT / "scripts/system-packages.txt").read_text().split()


def shell(code: str, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code as if it stood in a script of `scripts/`, after `_venv`."""
    command = ["/bin/sh", "-euc", f". scripts/_venv; {code}", "scripts/run"]
    environment = {"PATH": path, "HOME": "/nonexistent", **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "dirname").symlink_to(shutil.which("dirname", path=os.defpath) or "")
    return folder


def put_python(folder: Path, name: str, *, is_new: bool, has_venv: bool) -> None:
    """A stand-in for an interpreter that answers the two questions that `find_python` asks."""
    answers = f"*version_info*) exit {int(not is_new)};; *ensurepip*) exit {int(not has_venv)};; *) exit 9"
    (folder / name).write_text(f'#!/bin/sh\ncase "$*" in {answers};; esac\n')
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_is_read_by_any_shell(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text().startswith("#!/bin/sh\n")
    for part in (script, "scripts/_venv", "scripts/_system"):
        assert subprocess.run(["/bin/sh", "-n", str(ROOT / part)], timeout=10, check=False).returncode == 0


def test_an_old_python_and_a_shim_that_only_fails_are_passed_over(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", is_new=False, has_venv=True)
    put_python(bin_folder, "python3.13", is_new=False, has_venv=False)
    put_python(bin_folder, "python3.12", is_new=True, has_venv=True)
    assert shell("find_python", str(bin_folder)).stdout == "python3.12\n"


def test_the_python_that_is_asked_for_comes_first(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", is_new=True, has_venv=True)
    put_python(bin_folder, "my python", is_new=True, has_venv=True)
    assert shell("find_python", str(bin_folder), PYTHON="my python").stdout == "my python\n"


def test_a_python_without_venv_is_named_with_what_to_install(bin_folder: Path) -> None:
    put_python(bin_folder, "python3", is_new=True, has_venv=False)
    ran = shell("find_python", str(bin_folder))
    assert ran.returncode == 1
    assert (
        "python3 cannot make environments: it lacks venv (Debian, Ubuntu: apt-get install python3-venv)" in ran.stderr
    )


def test_without_any_python_one_is_asked_for(bin_folder: Path) -> None:
    ran = shell("find_python", str(bin_folder))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "relay needs Python 3.11 or newer" in ran.stderr


def test_scripts_test_installs_what_the_fixtures_name() -> None:
    named = {package for packages in tools.PACKAGES.values() for package in packages.split()}
    elements = [f"gstreamer1.0-plugins-{kind}" for kind in ("base", "good", "bad", "ugly")]
    assert named | {*tools.GI_PACKAGES.split(), *elements, "gstreamer1.0-libav"} <= set(SYSTEM_PACKAGES)
    assert sorted(SYSTEM_PACKAGES) == SYSTEM_PACKAGES


def test_a_missing_program_fails_the_test_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception, match="mpv is missing: apt-get install mpv"):
        tools.need("mpv")


def test_the_gate_runs_the_checks_and_the_tests() -> None:
    commands = (ROOT / ".ci/run").read_text().splitlines()
    assert [line.split()[0] for line in commands if line.startswith("scripts/")] == ["scripts/check", "scripts/test"]


def test_what_is_marked_as_end_to_end_lies_in_the_folder_that_scripts_test_runs_apart() -> None:
    marked = {path for path in (ROOT / "tests").rglob("test_*.py") if re.search(r"mark\.e2e\b", path.read_text())}
    assert marked == set((ROOT / "tests/e2e").glob("test_*.py"))
