"""The pages, their files, and the headers that protect them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from relay.serve.pages import WEB_FOLDER, Pages

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.origin import Client
    from relay.serve import Hub
    from relay.serve.prepared import Prepared


@pytest.mark.parametrize("path", ["/", "/live/cam/"])
async def test_pages(client: Client, path: str) -> None:
    page = await client.get(path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "media-src 'self' blob:" in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    packed = await client.get(path, Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == page.body
    assert packed.headers["Content-Security-Policy"] == policy
    assert (await client.get(path, If_None_Match=page.headers["ETag"])).status == 304


@pytest.mark.parametrize(("page", "below"), [("index.html", ""), ("watch.html", "../../")])
async def test_everything_that_a_page_names_is_served(client: Client, page: str, below: str) -> None:
    html = (WEB_FOLDER / page).read_text()
    names = [word.split('"')[0] for word in html.split(f'"{below}web/')[1:]]
    assert names
    for name in names:
        answer = await client.get(f"/web/{name}")
        # hls.js is put there by the build.
        assert answer.status == (200 if (WEB_FOLDER / name).exists() else 404), name


async def test_the_watch_page_without_its_slash_leads_to_it(client: Client) -> None:
    answer = await client.get("/live/cam")
    assert (answer.status, answer.headers["Location"]) == (308, "cam/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vendor").mkdir()
    for name in ("a.js", "vendor/b.css", "c.png", "d.py", "e.svg"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    return tmp_path


def test_files_are_known_by_their_path_and_type(hub: Hub, folder: Path) -> None:
    files: dict[str, Prepared] = Pages(hub, folder)._files
    assert {name: made.headers["Content-Type"] for name, made in files.items()} == {
        "a.js": "text/javascript; charset=utf-8",
        "vendor/b.css": "text/css; charset=utf-8",
        "c.png": "image/png",
        "e.svg": "image/svg+xml",
    }
    assert "Content-Security-Policy" not in files["a.js"].headers
