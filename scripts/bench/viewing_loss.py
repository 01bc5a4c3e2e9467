"""What `kill -9` costs the record of viewing: a relay is killed again and again while people watch.

    .venv/bin/python -m scripts.bench.viewing_loss [--rounds 50] [--viewers 40] [--seed N] [--json FILE]

The truth is what the viewers were sent, written down by themselves; a fifth of them come back after each kill with
their token, so that their viewing is one from the first round to the last. Exit status 1: more than the last second of
somebody's viewing is missing, something is there twice, or the database is not whole.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from fixtures.killing import Watchers, kill, loss_of
from fixtures.processes import Relay
from scripts.bench.measuring import machine, say, show, versions, write_json

if TYPE_CHECKING:
    from fixtures.killing import Loss, Watcher


def rounds(count: int, viewers: int, seed: int) -> list[Loss]:
    """Kill a relay `count` times while `viewers` watch, each time at another moment."""
    chance = random.Random(seed)
    losses: list[Loss] = []
    stay: list[Watcher] = []
    with tempfile.TemporaryDirectory() as folder, Relay("test:?size=320x180&rate=15", Path(folder)) as relay:
        relay.wait_until("live")
        for number in range(count):
            with Watchers(relay, viewers - len(stay), stay) as watchers:
                time.sleep(chance.uniform(1.0, 8.0))
                killed_s = kill(relay)
            relay.start()
            relay.wait_until("live")
            losses.append(loss_of(relay.data, relay.stream, watchers.all, killed_s))
            worst_s = max(losses[-1].missing_s, default=0.0)
            say(f"{number + 1}: at most {worst_s:.2f} s missing; {losses[-1].complaints or 'nothing else'}")
            stay = watchers.all[: viewers // 5]
    return losses


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--viewers", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    losses = rounds(asked.rounds, asked.viewers, asked.seed)
    missing_s = sorted(one for loss in losses for one in loss.missing_s)
    complaints = [complaint for loss in losses for complaint in loss.complaints]
    results = {
        "kills": len(losses),
        "viewings": len(missing_s),
        "missing_s_median": median(missing_s),
        "missing_s_most": missing_s[-1],
        "complaints": complaints,
    }
    times = [f"{one:.2f} s" for one in (median(missing_s), missing_s[-1])]
    show(
        "kill -9 while people watch",
        ["kills", "viewings killed", "missing, median", "missing, most", "complaints"],
        [[str(len(losses)), str(len(missing_s)), *times, str(len(complaints))]],
    )
    write_json(asked.json, {"machine": machine(), "versions": versions("aiohttp"), "loss": results})
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
