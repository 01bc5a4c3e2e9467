"""How the watch page comes to the live edge, and stays there: the pure part of its player, stepped with values."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from fixtures.web_players import page_of_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.browser import Browser, Tab

pytestmark = pytest.mark.e2e

THERE = {"latency_s": 1.0, "target_s": 1.0, "buffer_s": 1.0, "part_s": 0.2, "isFresh": False}
STEER = "async (values) => (await import('/sync.js')).steer(values)"
APPROACH = """async ([excess_s, within_s]) => {
  const { steer } = await import("/sync.js");
  const [tick_s, target_s] = [0.25, 1];
  const seen = [];
  let latency_s = target_s + excess_s;
  for (let at_s = 0; at_s < within_s; at_s += tick_s) {
    const { rate, skip_s } = steer({ latency_s, target_s, buffer_s: latency_s - 0.1, part_s: 0.2, isFresh: false });
    latency_s -= skip_s + (rate - 1) * tick_s;
    seen.push([latency_s - target_s, rate]);
  }
  return seen;
}"""
LATE = """async ([part_s, target_s, late_s]) => {
  const { steer } = await import("/sync.js");
  const [tick_s, step_s] = [0.25, 0.01];
  let [latency_s, least_s, due_s, rate, hasSkipped] = [target_s + 0.6, Infinity, 0, 1, false];
  for (let at_s = 0; at_s < 12; at_s += step_s) {
    // What is ahead are whole parts: the newest ended up to a part ago, and came so late.
    const ahead_s = () => latency_s - late_s - ((at_s + 100 - late_s) % part_s);
    if (at_s >= due_s) {
      due_s += tick_s;
      const values = { latency_s, target_s, buffer_s: ahead_s(), part_s, isFresh: at_s < 5 && !hasSkipped };
      const steered = steer(values);
      hasSkipped ||= steered.skip_s > 0;
      rate = steered.rate;
      latency_s -= steered.skip_s;
    }
    latency_s -= (rate - 1) * step_s;
    least_s = Math.min(least_s, ahead_s());
  }
  return [least_s, latency_s];
}"""
MARGIN = """async () => {
  const { Margin } = await import("/sync.js");
  const margin = new Margin();
  const seen = [margin.value_s(0)];
  margin.stalled(0);
  seen.push(margin.value_s(0), margin.value_s(60_000));
  margin.stalled(60_000);
  seen.push(margin.value_s(60_000));
  for (let stall = 0; stall < 20; stall++) margin.stalled(60_000);
  seen.push(margin.value_s(60_000));
  return seen;
}"""
BACKOFF = "async () => { const { backoff_ms } = await import('/sync.js'); return [%s]; }"


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    with page_of_module(browser, "sync.js") as tab:
        yield tab


@pytest.mark.parametrize(
    ("changed", "rate", "skip_s"),
    [
        pytest.param({}, 1, 0, id="there"),
        pytest.param({"latency_s": 1.05}, 1, 0, id="as good as there"),
        pytest.param({"latency_s": 0.5}, 1, 0, id="nearer than it wants to be"),
        pytest.param({"latency_s": 1.1}, 1.02, 0, id="a little behind"),
        pytest.param({"latency_s": 1.25}, 1.05, 0, id="behind"),
        pytest.param({"latency_s": 2.5}, 1.1, 0, id="no faster than nobody hears"),
        pytest.param({"latency_s": 2.5, "buffer_s": 0.3}, 1, 0, id="nothing to spare"),
        pytest.param({"latency_s": 2.5, "buffer_s": 0.55}, 1, 0, id="nothing to spare once the next part is due"),
        pytest.param({"latency_s": 4.0}, 1, 3, id="too far behind for that"),
        pytest.param({"latency_s": 4.0, "buffer_s": 0.3}, 1, 0, id="too far, and nothing to jump to"),
        pytest.param({"latency_s": 2.0, "isFresh": True}, 1, 0.4, id="has just come"),
        pytest.param({"latency_s": 2.0, "buffer_s": 0.85, "isFresh": True}, 1.1, 0, id="has just come, with little"),
        pytest.param({"latency_s": 1.25, "isFresh": True}, 1.05, 0, id="has just come, and is nearly there"),
        pytest.param({"latency_s": 2.5, "buffer_s": 1.9, "part_s": 0}, 1, 0, id="whole segments, one of them ahead"),
        pytest.param({"latency_s": 2.5, "buffer_s": 2.5, "part_s": 0}, 1.1, 0, id="whole segments, and more ahead"),
    ],
)
def test_where_it_steers(tab: Tab, changed: dict[str, object], rate: float, skip_s: float) -> None:
    steered = tab.page.evaluate(STEER, {**THERE, **changed})
    assert steered == {"rate": pytest.approx(rate), "skip_s": pytest.approx(skip_s)}


@pytest.mark.parametrize("excess_s", [0.2, 0.5, 1.0, 1.9, 6.0])
def test_it_catches_up_within_half_a_minute_and_not_beyond(tab: Tab, excess_s: float) -> None:
    seen = tab.page.evaluate(APPROACH, [excess_s, 30])
    assert all(after[0] <= before[0] for before, after in pairwise(seen))
    assert -0.01 < seen[-1][0] < 0.1
    assert max(rate for _, rate in seen) <= 1.1
    assert seen[-1][1] == 1


@pytest.mark.parametrize("late_s", [0.03, 0.1, 0.2, 0.3, 0.4, 0.5])
@pytest.mark.parametrize(("part_s", "target_s", "least_s"), [(0.2, 0.8, 0.4), (0.5, 2.0, 1.0)], ids=["lan", "internet"])
def test_parts_that_come_late_cost_distance_and_not_the_last_of_the_buffer(
    tab: Tab, part_s: float, target_s: float, least_s: float, late_s: float
) -> None:
    """A browser stops when it has less ahead than its decoders and its sound hold, about a fifth of a second."""
    least_ahead_s, latency_s = tab.page.evaluate(LATE, [part_s, target_s, late_s])
    assert least_ahead_s >= least_s - 0.01
    assert target_s - 0.01 <= latency_s < target_s + max(0.1, late_s)


def test_each_stall_asks_for_some_more_distance_which_is_forgotten(tab: Tab) -> None:
    assert tab.page.evaluate(MARGIN) == pytest.approx([0, 0.3, 0.15, 0.45, 2])


def test_a_relay_that_is_away_is_asked_more_rarely_and_not_by_all_at_once(tab: Tab) -> None:
    asked = ", ".join(f"backoff_ms({attempt}, 0.5)" for attempt in (0, 1, 3, 4, 100))
    assert tab.page.evaluate(BACKOFF % asked) == [400, 800, 3200, 5000, 5000]
    assert tab.page.evaluate(BACKOFF % "backoff_ms(4, 0), backoff_ms(4, 1)") == [3750, 6250]
