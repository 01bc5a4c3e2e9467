from __future__ import annotations

import pytest

from relay.serve.adminkey import COOKIE_S, INVITATION_S, MAX_SKEW_S, AdminKey

KEY = AdminKey(b"k" * 32)
NOW_S = 1_900_000_000.0


def test_the_token_is_good_again_and_again() -> None:
    assert KEY.take(KEY.token, NOW_S)
    assert KEY.take(KEY.token, NOW_S + 1e9)
    assert not KEY.take(KEY.token[:-1], NOW_S)
    assert not KEY.take("tökén", NOW_S)


def test_an_invitation_is_good_once() -> None:
    key = AdminKey(b"k" * 32)
    invitation = key.invite(NOW_S)
    assert not key.take(f"{invitation}x", NOW_S)
    assert key.take(invitation, NOW_S + INVITATION_S)
    assert not key.take(invitation, NOW_S + INVITATION_S)
    assert not key.take("", NOW_S)


def test_an_invitation_ends_with_its_time_and_with_the_next_one() -> None:
    key = AdminKey(b"k" * 32)
    late, first = key.invite(NOW_S), key.invite(NOW_S)
    assert not key.take(late, NOW_S)
    assert not key.take(first, NOW_S + INVITATION_S + 1)


def test_an_invitation_is_no_token() -> None:
    key = AdminKey(b"k" * 32)
    assert not key.is_token(key.invite(NOW_S))


@pytest.mark.parametrize(("after_s", "is_known"), [(0, True), (COOKIE_S, True), (COOKIE_S + 1, False),
                                                   (-MAX_SKEW_S, True), (-MAX_SKEW_S - 1, False)])  # fmt: skip
def test_a_cookie_is_known_for_a_month(after_s: float, is_known: bool) -> None:
    assert KEY.knows(KEY.cookie(NOW_S), NOW_S + after_s) is is_known


@pytest.mark.parametrize(
    "cookie",
    ["", "1900000000", "1900000000.", f"1900000000.{'0' * 32}", f"{KEY.cookie(NOW_S)}0",
     AdminKey(b"x" * 32).cookie(NOW_S), KEY.cookie(NOW_S).replace("1900000000", "1900000001")],
)  # fmt: skip
def test_a_cookie_of_somebody_elses_making_is_not_known(cookie: str) -> None:
    assert not KEY.knows(cookie, NOW_S)


def test_neither_cookie_nor_its_name_has_the_token_in_it() -> None:
    assert KEY.token not in KEY.cookie(NOW_S) + KEY.cookie_name
    assert KEY.token[:8] not in KEY.cookie(NOW_S) + KEY.cookie_name
    assert KEY.cookie_name != AdminKey(b"x" * 32).cookie_name
