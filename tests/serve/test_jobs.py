from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest

from relay.errors import JobError, QueryError
from relay.serve.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Writes the text of the module `asked`, which a child finds."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    return (tmp_path / "asked.py").write_text


async def test_the_answer_is_what_the_child_writes(asked: Callable[[str], int]) -> None:
    asked("import sys; print(*sys.argv[1:])")

    assert await Jobs().run("asked", "audience", "{}") == b"audience {}\n"


async def test_an_answer_larger_than_a_pipe_comes_whole(asked: Callable[[str], int]) -> None:
    asked("import sys; sys.stdout.write('x' * 1_000_000)")

    async with Jobs().start("asked") as chunks:
        sizes = [len(chunk) async for chunk in chunks]

    assert sum(sizes) == 1_000_000
    assert len(sizes) > 1


async def test_what_is_no_question_is_told_in_the_childs_own_last_words(asked: Callable[[str], int]) -> None:
    asked("import sys; print('warning', file=sys.stderr); print('no such stream', file=sys.stderr); exit(2)")

    with pytest.raises(QueryError, match=r"^no such stream$"):
        await Jobs().run("asked")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import sys; print('the disk is gone', file=sys.stderr); exit(1)", "the disk is gone"),
        ("exit(3)", "exit code 3"),
    ],
)
async def test_a_child_that_fails_is_an_error_that_may_be_tried_again(
    asked: Callable[[str], int], text: str, told: str
) -> None:
    asked(text)

    with pytest.raises(JobError, match=rf"^asked: {told}$") as caught:
        await Jobs().run("asked")

    assert caught.value.retryable


async def test_a_child_that_says_a_lot_does_not_wait_for_a_reader(asked: Callable[[str], int]) -> None:
    asked("import sys; sys.stderr.write('word\\n' * 200_000); print('done')")

    assert await Jobs().run("asked") == b"done\n"


async def test_a_child_that_takes_too_long_is_ended(asked: Callable[[str], int], tmp_path: Path) -> None:
    asked(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}'); time.sleep(60)")

    with pytest.raises(JobError, match=r"no whole answer within 1 s: ask for less"):
        await Jobs().run("asked", within_s=1)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_child_whose_asker_leaves_is_ended(asked: Callable[[str], int]) -> None:
    asked("import os, time; print(os.getpid(), flush=True); time.sleep(60)")

    async with Jobs().start("asked") as chunks:
        pid = int(await anext(chunks))

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_who_serves_viewers_goes_first(asked: Callable[[str], int]) -> None:
    asked("import os, time; time.sleep(0.1); print(os.nice(0))")

    assert int(await Jobs().run("asked")) == min(19, os.nice(0) + 10)


async def test_questions_wait_their_turn_and_too_many_are_refused(asked: Callable[[str], int], tmp_path: Path) -> None:
    asked("import sys; print('first', flush=True); sys.stdin.close(); import time; time.sleep(60)")
    jobs = Jobs(at_once=1, max_waiting=1)

    async with jobs.start("asked") as chunks:
        assert (await anext(chunks)).startswith(b"first")
        asked("print('second')")
        second = asyncio.create_task(jobs.run("asked"))
        await asyncio.sleep(0)
        with pytest.raises(JobError, match="1 questions about the viewing data wait already"):
            await jobs.run("asked")
        assert not second.done()

    assert await second == b"second\n"


async def test_a_python_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(JobError, match="no process can be started: No such file"):
        await Jobs().run("asked")
