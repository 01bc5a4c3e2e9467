"""What holds for every test: nothing may block an event loop; what is long runs if asked for; a few may try twice."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from typing import TYPE_CHECKING, Final

import hypothesis
import pytest
from blockbuster import blockbuster_ctx
from xdist.scheduler import LoadFileScheduling

from fixtures import measured

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

    from fixtures.pictures import WriteModule

CLOCKED: Final = "judged by the clock"
MOST_RETRIED: Final = 6
"""So many tests of a run may need their second try; where it is more, it is hardly the machine."""
_MARK_OF_A_MODULE: Final = re.compile(r"^pytestmark = .*\bmark\.clock\b", re.MULTILINE)

# Hypothesis measures a single example's time, which says more of a busy machine than of the code; pytest-timeout stays.
hypothesis.settings.register_profile("relay", hypothesis.settings.default, deadline=None, max_examples=50)
hypothesis.settings.load_profile("relay")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run the tests marked `all`, which take long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        # A player on cores that others use as well stalls now and then. What is wrong fails twice; both tries are told.
        if item.get_closest_marker("e2e") or item.get_closest_marker("clock"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    if config.getoption("--all"):
        return
    long = [item for item in items if item.get_closest_marker("all")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


class Scheduler(LoadFileScheduling):
    """One process begins with what the clock judges, one module after the other, and the others compute beside it.

    These modules mostly wait: together they would leave the cores idle, and would be late by each other.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        return CLOCKED if _is_clocked(self.config.rootpath / module) else module

    def _assign_work_unit(self, node: WorkerController) -> None:
        if CLOCKED in self.workqueue:
            self.workqueue.move_to_end(CLOCKED, last=False)
        super()._assign_work_unit(node)


@functools.cache
def _is_clocked(module: Path) -> bool:
    return _MARK_OF_A_MODULE.search(module.read_text(encoding="utf-8")) is not None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler | None:
    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """With `--cov`, once its tracer is there. The process that hands the tests out runs none of them."""
    config = session.config
    if not config.pluginmanager.hasplugin("_cov"):
        return
    if config.getoption("dist", "no") == "no":
        config.pluginmanager.register(measured.Measuring())
    else:
        measured.stop_tracing()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Behind all that pytest says: how many tests needed their second try, in the one process that hears of all."""
    result = yield
    reporter: pytest.TerminalReporter | None = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):  # xdist's, where tests run
        return result
    retried = {report.nodeid for report in reporter.stats.get("rerun", [])}
    is_too_many = len(retried) > MOST_RETRIED
    if retried:
        told = f"Tests that needed their second try: {len(retried)}. More than {MOST_RETRIED} fail the run."
        reporter.write_line(told, red=is_too_many)
    if is_too_many and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return result


@pytest.fixture(autouse=True)
def _unblocked_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an asynchronous test in which code of ours makes a call that blocks the event loop."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    with blockbuster_ctx("relay") as blocking:
        # It waits there until the child has become another program, and with `vfork` the thread stands still anyway.
        blocking.functions["os.read"].can_block_in("subprocess.py", "_execute_child")
        yield


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Writes a module into the working directory, where nothing else has put it on the path."""
    written = []

    def write(text: str, name: str = "") -> str:
        name = name or f"users_module_{tmp_path.name.replace('-', '_')}_{len(written)}"
        written.append(name)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield write
    for name in written:
        sys.modules.pop(name, None)
