from __future__ import annotations

import pytest

from relay.sessions import ClientMasks, mask_client, network_of
from relay.sessions.client import has_opted_out, referrer_host

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


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({"Referer": "https://Shop.example:8443/basket?name=x#y"}, "shop.example"),
        ({"Referer": "https://a.example", "Origin": "https://b.example"}, "a.example"),
        ({"Origin": "http://b.example"}, "b.example"),
        ({"Origin": "null"}, ""),
        ({"Referer": "https://192.168.1.5:8080/live/cam/"}, ""),
        ({"Referer": "http://[2001:db8::1]/"}, ""),
        ({"Referer": "https://user:pass@a.example/"}, ""),
        ({"Referer": f"https://{'a' * 254}/"}, ""),
        ({"Referer": "android-app://com.example/"}, ""),
        ({}, ""),
    ],
)
def test_of_the_page_that_plays_only_the_name_of_its_host_is_kept(headers: dict[str, str], host: str) -> None:
    assert referrer_host(headers) == host


def test_who_opts_out_in_either_way_is_marked() -> None:
    assert has_opted_out({"Sec-GPC": "1"})
    assert has_opted_out({"DNT": "1"})
    assert not has_opted_out({"DNT": "0", "Sec-GPC": "?1"})


def test_a_client_elsewhere_or_that_opts_out_is_another_value_with_the_same_id() -> None:
    masks = ClientMasks()
    plain = masks.client("192.0.2.1", "x", 1)
    framed = masks.client("192.0.2.1", "x", 1, "a.example", has_opted_out=True)
    assert (framed.referrer_host, framed.has_opted_out) == ("a.example", True)
    assert framed.fallback_id == plain.fallback_id
    assert masks.client("192.0.2.1", "x", 1) is plain
