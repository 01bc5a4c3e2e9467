"""Which stream a pusher means, and whether it may push: pure.

The address is `rtmp://HOST:PORT/live/NAME/KEY`. Where it is cut into RTMP's application and stream name is each
program's own affair (OBS asks for `.../live/NAME` and `KEY`, others cut behind `live`), so the two are joined again
before they are read. `live/NAME?key=KEY` is the same thing for devices that allow nothing behind the name.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from relay.errors import PushRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay.config import SecondPush

APPLICATION: Final = "live"
MAX_ADDRESS_CHARACTERS: Final = 512
_NOT_ADMITTED: Final = "no stream of this name takes this key: push to rtmp://HOST:PORT/live/NAME/KEY"
"""The same for a wrong name and for a wrong key, so that nobody learns names here."""


@dataclass(frozen=True, slots=True)
class PushRule:
    """How one stream is pushed to: `key` is its secret; nothing for `idle_s` ends a push."""

    key: str = field(repr=False)
    second_push: SecondPush = "refuse"
    idle_s: float = 5.0


class Gate:
    """Lets pushers in by their keys."""

    def __init__(self, rules: Mapping[str, PushRule]) -> None:
        self._rules = dict(rules)

    def rule(self, stream: str) -> PushRule:
        """The rule of a stream that there is."""
        return self._rules[stream]

    def admit(self, application: str, stream_name: str) -> str:
        """The stream that may be pushed to. Raises `PushRefusedError`, which names neither it nor the key."""
        path = f"{application.strip('/')}/{stream_name.strip('/')}"
        if len(path) > MAX_ADDRESS_CHARACTERS:
            raise PushRefusedError(_NOT_ADMITTED)
        path, _, query = path.partition("?")
        first, _, rest = path.partition("/")
        stream, _, key = rest.partition("/")
        if not key:
            key = parse_qs(query).get("key", [""])[0]
        rule = self._rules.get(stream)
        # Compared also where there is no such stream, so that the time it takes says nothing either.
        is_right = hmac.compare_digest((rule.key if rule else "").encode(), key.encode())
        if first != APPLICATION or rule is None or not key or not is_right:
            raise PushRefusedError(_NOT_ADMITTED)
        return stream
