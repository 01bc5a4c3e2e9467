"""Who is let in, and who is not; through a real server."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie

import pytest

from fixtures.origin import ADMIN_KEY, Answer, Client
from relay.serve.admin import BURST_WRONG, PATH, is_same_origin
from relay.serve.adminkey import AdminKey

KEY = AdminKey(ADMIN_KEY)
LIVE = "/api/v1/sessions/live"
WRONG = "f" * 64


async def sign_in(client: Client, token: str, **headers: str) -> Answer:
    named = {"Content_Type": "application/json", **headers}
    return await client.post(PATH, json.dumps({"token": token}).encode(), **named)


def error(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"])


@pytest.mark.parametrize(
    "path", [LIVE, "/api/v1/sessions", "/api/v1/sessions/export", f"/api/v1/sessions/{'a' * 24}", "/api/v1/audience",
             "/api/v1/qoe", "/api/v1/report"]
)  # fmt: skip
async def test_who_shows_nothing_sees_nothing_from_wherever(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="relay"')
    assert error(answer) == "this is for admins: the admin token is in the file admin.token of the relay's data folder"
    assert "no-store" in answer.headers["Cache-Control"]


async def test_a_program_shows_the_token(client: Client) -> None:
    assert (await client.get(LIVE, Authorization=f"Bearer {KEY.token}")).status == 200
    assert (await client.get(LIVE, Authorization=f"bearer  {KEY.token}")).status == 200


async def test_what_a_proxy_in_front_was_shown_is_not_ours(client: Client) -> None:
    cookie = (await sign_in(client, KEY.token)).headers["Set-Cookie"].split(";")[0]
    assert (await client.get(LIVE, Authorization="Basic dTpw")).status == 401
    assert (await client.get(LIVE, Authorization="Basic dTpw", Cookie=cookie)).status == 200


async def test_a_browser_exchanges_the_token_for_a_cookie(client: Client) -> None:
    answer = await sign_in(client, f" {KEY.token}\n")
    assert answer.status == 204
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Strict", "/", "")
    assert KEY.token not in answer.headers["Set-Cookie"]
    assert (await client.get(LIVE, Cookie=f"{cookie.key}={cookie.value}")).status == 200
    assert (await client.get(LIVE, Cookie=f"{cookie.key}={cookie.value[:-1]}0a")).status == 401


async def test_over_https_the_cookie_stays_there(client: Client) -> None:
    answer = await sign_in(client, KEY.token, X_Forwarded_Proto="https")
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    assert cookie["secure"] is True


async def test_signing_out_takes_the_cookie_away(client: Client) -> None:
    answer = await client.request("DELETE", PATH)
    assert answer.status == 204
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    assert (cookie.key, cookie.value, cookie["max-age"]) == (KEY.cookie_name, "", "0")


async def test_who_guesses_is_told_to_wait_and_the_admin_is_not(client: Client) -> None:
    for _ in range(BURST_WRONG):
        answer = await client.get(LIVE, Authorization=f"Bearer {WRONG}")
        assert answer.status == 401
        assert error(answer).startswith("this is not the admin token of this relay")
    answer = await sign_in(client, WRONG)
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert (await client.get(LIVE, Authorization=f"Bearer {KEY.token}")).status == 200


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_another_sites_page_changes_nothing(client: Client, method: str) -> None:
    answer = await client.request(method, PATH, Origin="https://elsewhere.example", Content_Type="application/json")
    assert answer.status == 403
    assert error(answer) == "only the relay's own pages may change something"


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, True),
        ({"Origin": "http://cam.example:8888"}, True),
        ({"Origin": "https://CAM.example:8888"}, True),
        ({"Origin": "http://cam.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://inner.example", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://cam.example:8888", "Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, True),
    ],
)
def test_whose_page_asks(headers: dict[str, str], is_ours: bool) -> None:
    assert is_same_origin(headers, "cam.example:8888") is is_ours


def test_a_host_that_is_not_named_is_nobodys() -> None:
    assert not is_same_origin({"Origin": "null"}, "")


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, 'a token is told as {"token": "..."}'),
        (b"[]", 400, 'a token is told as {"token": "..."}'),
        (b'{"token": 5}', 400, 'a token is told as {"token": "..."}'),
        (b"\xff", 400, 'a token is told as {"token": "..."}'),
        (b" " * 1025, 400, "a token has less than 1024 bytes"),
    ],
)
async def test_what_is_no_token(client: Client, body: bytes, status: int, told: str) -> None:
    answer = await client.post(PATH, body, Content_Type="application/json")
    assert (answer.status, error(answer)) == (status, told)


async def test_what_a_form_of_another_site_could_send_is_not_taken(client: Client) -> None:
    answer = await client.post(PATH, b"token=x", Content_Type="text/plain")
    assert (answer.status, error(answer)) == (415, "a token is taken as application/json")
