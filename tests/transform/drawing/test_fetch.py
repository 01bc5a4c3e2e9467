"""Files and addresses are read within limits, go nowhere else, and no message tells a password."""

from __future__ import annotations

import base64
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from relay.errors import TransformError
from relay.transform.drawing.fetch import is_url, label_of, read_source

if TYPE_CHECKING:
    from pathlib import Path

Answer = Callable[["Handler"], None]


@dataclass
class Site:
    """A server on this machine, what it answers by path, and what it was asked with."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, userinfo: str = "") -> str:
        return f"http://{userinfo}127.0.0.1:{self.port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        self.site.asked.append((self.path, self.headers["Authorization"]))
        self.site.answers[self.path](self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Tests are silent."""


def saying(content: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def leading_to(target: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def failing(code: int) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def rambling(handler: Handler) -> None:
    """What is no HTTP."""
    handler.wfile.write(b"hello\r\n\r\n")


def silent(handler: Handler) -> None:
    handler.site.let_go.wait(20)


def open_site() -> tuple[Site, http.server.ThreadingHTTPServer]:
    class Own(Handler):
        """Each server's own, with its site."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    Own.site = Site(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return Own.site, server


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, Site]]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    opened = [open_site(), open_site()]
    yield opened[0][0], opened[1][0]
    for site, server in opened:
        site.let_go.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(sites: tuple[Site, Site]) -> Site:
    return sites[0]


def failure(source: str, timeout_s: float = 5, max_bytes: int = 1000) -> str:
    with pytest.raises(TransformError) as caught:
        read_source(source, timeout_s, max_bytes)
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError)
    return str(caught.value)


def test_what_an_address_says_is_read(site: Site) -> None:
    site.answers["/t?key=1"] = saying("21 °C".encode())
    assert read_source(site.url("/t?key=1"), 5, 1000).decode() == "21 °C"


def test_what_a_file_says_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("21")
    assert read_source(str(path), 5, 2) == b"21"
    path.write_text("210")
    assert failure(str(path), max_bytes=2) == f"{path}: has more than 2 bytes"
    assert "No such file" in failure(str(tmp_path / "none"))
    assert "is no regular file" in failure("/dev/zero")


def test_more_than_was_expected_is_not_read(site: Site) -> None:
    site.answers["/big"] = saying(b"x" * 100_000)
    assert failure(site.url("/big")) == f"http://127.0.0.1:{site.port}/big: sends more than 1000 bytes"


def test_silence_is_not_waited_for(site: Site) -> None:
    site.answers["/slow"] = silent
    assert failure(site.url("/slow"), timeout_s=0.1) == f"http://127.0.0.1:{site.port}/slow: no answer within 0.1 s"


def test_a_trickle_is_not_waited_for(site: Site) -> None:
    def trickle(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not handler.site.let_go.wait(0.02):
            handler.wfile.write(b"x")

    site.answers["/drip"] = trickle
    assert failure(site.url("/drip"), timeout_s=0.2).endswith("/drip: takes longer than 0.2 s")


@pytest.mark.parametrize(("code", "words"), [(404, "404 Not Found"), (500, "500 Internal Server Error"), (599, "599 ")])
def test_what_a_server_refuses_with_is_said(site: Site, code: int, words: str) -> None:
    site.answers["/x"] = failing(code)
    assert failure(site.url("/x")) == f"http://127.0.0.1:{site.port}/x: answers {words}"


def test_a_host_that_is_not_there_is_said(site: Site) -> None:
    assert "cannot be reached: Connection refused" in failure("http://127.0.0.1:1/x")


def test_what_is_no_http_is_said(site: Site) -> None:
    site.answers["/x"] = rambling
    assert "/x: does not answer as HTTP: " in failure(site.url("/x"))


def test_a_redirect_is_followed(sites: tuple[Site, Site]) -> None:
    site, other = sites
    site.answers["/a"] = leading_to("/b")
    site.answers["/b"] = leading_to(other.url("/c"))
    other.answers["/c"] = saying(b"there")
    assert read_source(site.url("/a"), 5, 1000) == b"there"


def test_redirects_without_end_are_not_followed(site: Site) -> None:
    for number in range(10):
        site.answers[f"/{number}"] = leading_to(f"/{number + 1}")
    assert "answers 302" in failure(site.url("/0"))
    assert len(site.asked) <= 5


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://x/"])
def test_a_redirect_to_another_scheme_is_not_followed(site: Site, target: str) -> None:
    site.answers["/a"] = leading_to(target)
    assert "where it is not followed" in failure(site.url("/a"))


def test_a_password_goes_to_its_host_alone(sites: tuple[Site, Site]) -> None:
    site, other = sites
    site.answers["/a"] = leading_to("/b")
    site.answers["/b"] = leading_to(other.url("/c"))
    other.answers["/c"] = saying(b"there")
    assert read_source(site.url("/a", "me:p%40ss@"), 5, 1000) == b"there"
    basic = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert site.asked == [("/a", basic), ("/b", basic)]
    assert other.asked == [("/c", None)]


SECRET = "hunter2"


def test_no_message_tells_a_password(site: Site) -> None:
    site.answers["/x?token=hunter2"] = failing(401)
    site.answers["/y?token=hunter2"] = rambling
    messages = [
        failure(site.url("/x?token=hunter2", "me:hunter2@")),
        failure(site.url("/y?token=hunter2", "me:hunter2@")),
        failure("http://me:hunter2@127.0.0.1:1/x?token=hunter2"),
        failure("http://me:hunter2@127.0.0.1/\x01?token=hunter2"),
        label_of("http://me:hunter2@host/x?token=hunter2"),
        label_of("http://me:12/hunter2@host/x"),
    ]
    assert [message for message in messages if SECRET in message] == []
    assert all("127.0.0.1" in message for message in messages[:3])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("ftp://host/x", "ftp:// is not read here: an address begins with http:// or https://"),
        ("file:///etc/passwd", "file:// is not read here"),
        ("http:///x", "the address has no host"),
        ("http://host:wide/x", "the address cannot be read: write http://HOST:PORT/PATH"),
        ("http://[::1/x", "the address cannot be read"),
    ],
)
def test_what_is_no_address_is_refused(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        is_url(source)


def test_a_path_is_no_address() -> None:
    assert not is_url("/run/weather.json")
    assert not is_url("weather.json")
    assert is_url("HTTPS://Host/x")
