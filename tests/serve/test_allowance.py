from __future__ import annotations

import pytest

from relay.serve.allowance import Allowance


def test_a_network_may_burst_and_then_keep_the_rate_and_disturbs_no_other() -> None:
    allowance = Allowance(100, 300)
    assert [allowance.wait_s("a", 5.0) for _ in range(300)] == [0.0] * 300
    assert allowance.wait_s("a", 5.0) == pytest.approx(1 / 100)
    assert allowance.wait_s("b", 5.0) == 0.0
    assert allowance.wait_s("a", 5.0 + 1 / 100) == 0.0
    assert allowance.wait_s("a", 5.0 + 1 / 100) > 0.0


def test_networks_are_remembered_within_a_bound() -> None:
    allowance = Allowance(100, 300)
    for number in range(5000):
        assert allowance.wait_s(f"at once {number}", 5.0) == 0.0
    for number in range(5000):
        assert allowance.wait_s(f"later {number}", 6.0 + number) == 0.0
    assert len(allowance._due_s) <= 4096
