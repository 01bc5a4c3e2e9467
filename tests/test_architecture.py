"""The rules of docs/architecture.md that a program can check, on `relay/` itself and on small trees that break them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from fixtures import measured
from fixtures.architecture import (
    HEAVY_LIBRARIES,
    Tree,
    cycle_faults,
    heavy_faults,
    layer_faults,
    parent_components,
    private_faults,
    size_faults,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Rule = Callable[[Tree], Iterator[str]]
    MakeTree = Callable[[dict[str, str]], Tree]

ROOT = Path(__file__).parent.parent
RULES = [layer_faults, heavy_faults, private_faults, cycle_faults, size_faults]


@pytest.fixture(scope="module")
def relay() -> Tree:
    return Tree(ROOT / "relay")


@pytest.mark.parametrize("rule", RULES)
def test_relay_keeps_the_rule(relay: Tree, rule: Rule) -> None:
    assert list(rule(relay)) == []


def test_the_parent_process_loads_neither_av_nor_cv2_nor_numpy(relay: Tree) -> None:
    code = (
        f"import sys, {', '.join(parent_components(relay))}; print(*sorted({set(HEAVY_LIBRARIES)} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")


def test_the_parts_measured_for_coverage_exist_and_can_be_imported() -> None:
    for part in measured.parts():
        importlib.import_module(measured.module_of(part))


# The rules themselves: each of these trees breaks one, and only what stands in it.


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    def make(files: dict[str, str]) -> Tree:
        for name, text in {"__init__.py": "", **files}.items():
            path = tmp_path / "relay" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return Tree(tmp_path / "relay")

    return make


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("model.py", "sessions/__init__.py"),
        ("source/__init__.py", "decode/__init__.py"),
        ("playlist/window.py", "packager/__init__.py"),
        ("sessions/__init__.py", "playlist/__init__.py"),
        ("worker.py", "playlist/__init__.py"),
        ("worker/video.py", "sessions/__init__.py"),
        ("serve/__init__.py", "check/__init__.py"),
        ("analytics/__init__.py", "playlist/__init__.py"),
        ("supervisor.py", "serve/__init__.py"),
        ("supervisor.py", "events/__init__.py"),
        ("config.py", "events/__init__.py"),
        ("events/__init__.py", "sessions/__init__.py"),
        ("serve/__init__.py", "cli/__init__.py"),
        ("__init__.py", "encode/__init__.py"),
    ],
)
def test_imports_point_one_way(make_tree: MakeTree, importer: str, imported: str) -> None:
    target = imported.removesuffix("/__init__.py").removesuffix(".py")
    for statement in (f"import relay.{target}", f"from relay import {target}", f"from relay.{target} import x"):
        tree = make_tree({imported: "x = 1", importer: f"def lazily():\n    {statement}\n"})
        (fault,) = layer_faults(tree)
        assert f"may not import {target}" in fault


def test_a_relative_import_is_an_import(make_tree: MakeTree) -> None:
    tree = make_tree(
        {
            "decode/__init__.py": "",
            "source/__init__.py": "from .. import decode",
            "source/rtsp.py": "from ..decode import x\nfrom . import retry\nfrom .retry import Backoff",
            "source/retry.py": "Backoff = 1",
        }
    )
    assert list(layer_faults(tree)) == [
        "relay.source:1: source may not import decode",
        "relay.source.rtsp:1: source may not import decode",
    ]


def test_what_the_design_allows_is_no_fault(make_tree: MakeTree) -> None:
    tree = make_tree(
        {
            "errors.py": "",
            "timeline.py": "from relay import errors",
            "decode/__init__.py": "import av\nfrom relay.timeline import x\nimport relay.errors",
            "sessions/__init__.py": "",
            "playlist/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy",
            "worker/__init__.py": "from relay import decode",
            "supervisor/__init__.py": "def start():\n    from relay.worker import run",
            "config.py": "from relay.events.settings import x",
            "events/__init__.py": "",
            "events/settings.py": "x = 1",
            "serve/__init__.py": "import aiohttp\nfrom relay import events, playlist, sessions, supervisor",
            "check/decoding.py": "import av",
            "check/visit/fetcher.py": "import aiohttp",
            "cli/__init__.py": "from relay import __version__, serve\ndef probe():\n    import av, relay.decode",
        }
    )
    assert [fault for rule in RULES for fault in rule(tree)] == []


def test_a_new_component_must_be_given_its_place(make_tree: MakeTree) -> None:
    (fault,) = layer_faults(make_tree({"errors.py": "", "gadget/__init__.py": "import relay.errors"}))
    assert "'gadget' has no place in the architecture yet" in fault


@pytest.mark.parametrize("library", ["av", "cv2", "numpy", "numpy.typing"])
@pytest.mark.parametrize(
    "module", ["playlist.py", "sessions.py", "serve/hub.py", "supervisor.py", "check/boxes.py", "model.py"]
)
def test_heavy_libraries_stay_in_the_worker(make_tree: MakeTree, module: str, library: str) -> None:
    (fault,) = heavy_faults(make_tree({module: f"def lazily():\n    import {library}"}))
    assert f"{library.partition('.')[0]} stays out of" in fault


def test_type_checking_is_not_run_but_its_else_is(make_tree: MakeTree) -> None:
    tree = make_tree(
        {
            "model.py": """
            import typing
            if typing.TYPE_CHECKING:
                import numpy
            else:
                import cv2
            if not typing.TYPE_CHECKING:
                from av import Packet
            """
        }
    )
    assert list(heavy_faults(tree)) == ["relay.model:6: cv2 stays out of model", "relay.model:8: av stays out of model"]


def test_the_command_line_imports_heavy_things_inside_functions_only(make_tree: MakeTree) -> None:
    tree = make_tree({"cli/probe.py": "import av\nfrom relay.source import x", "source/__init__.py": "x = 1"})
    first, second = heavy_faults(tree)
    assert first == "relay.cli.probe:1: av stays out of cli"
    assert "cli imports source inside functions only" in second


@pytest.mark.parametrize("module", ["sessions.py", "source/http.py", "check/rules.py", "supervisor.py", "worker.py"])
def test_aiohttp_stays_in_serve(make_tree: MakeTree, module: str) -> None:
    (fault,) = heavy_faults(make_tree({module: "from aiohttp import web"}))
    assert "aiohttp stays out of" in fault


def test_private_names_stay_in_their_module(make_tree: MakeTree) -> None:
    tree = make_tree({"errors.py": "_x = 1", "config.py": "from relay.errors import _x\nfrom os import _exit"})
    assert list(private_faults(tree)) == ["relay.config:1: relay.errors._x is private to its module"]


def test_a_cycle_is_found_also_through_a_package_and_a_function(make_tree: MakeTree) -> None:
    tree = make_tree(
        {
            "sessions/__init__.py": "from relay.sessions.recorder import Recorder",
            "sessions/recorder.py": "from relay.sessions import store",
            "sessions/store.py": "def late():\n    from relay.sessions import Recorder",
        }
    )
    (fault,) = cycle_faults(tree)
    for module in ("relay.sessions", "relay.sessions.recorder", "relay.sessions.store"):
        assert module in fault


def test_a_cycle_of_types_alone_is_none(make_tree: MakeTree) -> None:
    typing_only = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from relay.model import Part"
    assert list(cycle_faults(make_tree({"model.py": "import relay.errors", "errors.py": typing_only}))) == []


def test_long_files_and_functions_are_found(make_tree: MakeTree) -> None:
    tree = make_tree(
        {
            "long.py": "x = 1\n" * 401,
            "wide.py": "def allowed():\n" + "    x = 1\n" * 49,
            "huge.py": "class A:\n  async def huge(self):\n" + "    x = 1\n" * 100,
        }
    )
    file, function, share = size_faults(tree)
    assert file == "relay.long: 401 lines, at most 400"
    assert function == "relay.huge.huge: 101 lines, at most 80"
    assert share == "more than one function in a hundred has over 50 lines: relay.huge.huge 101"
