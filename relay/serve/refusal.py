"""An error as the API tells it: `{"error": "what is wrong, and what would do"}`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from relay.serve.prepared import NO_STORE

if TYPE_CHECKING:
    from aiohttp import web


def refusal(kind: type[web.HTTPError], why: str, **headers: str) -> web.HTTPError:
    """The error, to be raised; `headers` by their names with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps({"error": why}, separators=(",", ":"), ensure_ascii=False)
    return kind(text=text, content_type="application/json", headers={"Cache-Control": NO_STORE, **named})
