from __future__ import annotations

import pytest

from relay.sessions import ClientMasks, mask_client, network_of

KEY = bytes(32)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("0.0.0.9", "0.0.0.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_an_address_becomes_its_network(address: str, network: str) -> None:
    assert mask_client(address, "x", KEY).network == network_of(address) == network


def test_the_hash_tells_hosts_and_players_apart_and_needs_the_key() -> None:
    clients = {
        mask_client(address, agent, key).fallback_id
        for address in ("192.0.2.1", "192.0.2.2")
        for agent in ("one", "two")
        for key in (KEY, b"another")
    }
    assert len(clients) == 8


def test_a_device_that_changes_its_ipv6_address_at_home_stays_itself() -> None:
    one, other = (mask_client(f"2001:db8:1:2::{host}", "x", KEY) for host in ("1", "abcd"))
    assert one == other
    assert mask_client("2001:db8:1:3::1", "x", KEY) != one


def test_a_user_agent_is_cut() -> None:
    assert len(mask_client("192.0.2.1", "x" * 10_000 + "\udcff", KEY).user_agent) == 512
    assert mask_client("192.0.2.1", "\udcff", KEY).fallback_id


def test_nobody_is_known_from_one_day_to_the_next() -> None:
    masks = ClientMasks()
    today = masks.client("192.0.2.1", "x", 86_400)
    assert masks.client("192.0.2.1", "x", 2 * 86_400 - 1) is today
    tomorrow = masks.client("192.0.2.1", "x", 2 * 86_400)
    assert tomorrow.network == today.network
    assert tomorrow.fallback_id != today.fallback_id
    assert len(masks._clients) == 1


def test_what_is_remembered_is_bounded() -> None:
    masks = ClientMasks()
    for number in range(5000):
        masks.client(f"192.0.{number // 250}.{number % 250}", "x", 1)
    assert len(masks._clients) <= 4096
