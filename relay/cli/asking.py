"""Asks a running relay what only it knows, as its admin."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final

from relay.errors import DataFolderError, FetchError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN_VARIABLE: Final = "RELAY_ADMIN_TOKEN"  # noqa: S105 - its name
WITHIN_S: Final = 10.0


def admin_token(data: Path) -> str:
    """That of the environment, for a relay on another machine; else that of the data folder."""
    if token := os.environ.get(TOKEN_VARIABLE):
        return token
    path = data / "admin.token"
    try:
        return path.read_text().strip()
    except OSError as error:
        raise DataFolderError(
            f"{path}: {error.strerror}: `relay serve` makes it at its first start; --data names another folder, and "
            f"{TOKEN_VARIABLE} has the token of a relay elsewhere"
        ) from error


def ask(url: str, path: str, token: str, **query: str) -> dict[str, Any]:
    """The JSON at `path` of the relay at `url`. Raises `FetchError`."""
    return asyncio.run(_ask(f"{url.rstrip('/')}/{path}", token, query))


async def _ask(address: str, token: str, query: dict[str, str]) -> dict[str, Any]:
    import aiohttp  # noqa: PLC0415 - most commands do without

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN_S)) as session,
            session.get(
                address, params=query, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False
            ) as answer,
        ):
            told = await answer.json() if answer.content_type == "application/json" else {}
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        kind = "timeout" if isinstance(error, TimeoutError) else "unreachable"
        raise FetchError(kind, f"{address}: no relay answers: {str(error) or 'it takes too long'}") from error
    if answer.status != 200 or not isinstance(told, dict) or "sessions" not in told:
        why = told.get("error") if isinstance(told, dict) else None
        raise FetchError("broken", f"{address}: {why or f'answers {answer.status}, and not as a relay does'}")
    return told
