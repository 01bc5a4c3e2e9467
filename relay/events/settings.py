"""The settings of events, each with its check: `[[streams.NAME.events]]` and `[[webhooks]]`, and what is kept."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from relay.events.schedule import Schedule, time_zone
from relay.fields import Headers, Seconds, Settings, StreamName

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_RULES: Final = 32
"""Of one stream."""
_KIND: Final = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_DAY_S: Final = 86_400


def _check_kind(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise ValueError("a kind of event is what a transform emits: 1 to 63 of a-z 0-9 _ . -, a letter first")
    return kind


def _check_schedule(text: str) -> str:
    Schedule.parse(text)
    return text


def _check_time_zone(name: str | None) -> str | None:
    time_zone(name)
    return name


Kind = Annotated[str, AfterValidator(_check_kind)]
ZoneName = Annotated[str, Field(min_length=1, max_length=63)]
ScheduleText = Annotated[str, AfterValidator(_check_schedule)]
TimeZoneName = Annotated[str | None, AfterValidator(_check_time_zone)]
EventDays = Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)]
PictureMegabytes = Annotated[int, Field(ge=0, le=1_000_000)]
Wait = Annotated[float, Field(ge=0, le=7 * _DAY_S, allow_inf_nan=False)]


class EventRule(Settings):
    """Which events of some kinds are told: those that pass one of the rules that name their kind.

    Events of a kind that no rule names are told as they are. What is left empty asks for nothing.
    """

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=32)]
    zones: Annotated[tuple[ZoneName, ...], Field(max_length=32)] = ()
    min_duration_s: Wait = 0.0
    cool_down_s: Wait = 0.0
    schedule: ScheduleText = ""


EventRules = Annotated[tuple[EventRule, ...], Field(max_length=MOST_RULES)]

MOST_WEBHOOKS: Final = 16
_KEY_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)
"""Standard Webhooks 1.0.0, "Signature scheme": 192 to 512 bits."""
_OWN_HEADERS: Final = frozenset({"content-length", "content-type", "expect", "transfer-encoding"})


def webhook_key(secret: str) -> bytes:
    """The key of a webhook's secret. Raises `ValueError`, which does not quote it."""
    try:
        key = b64decode(secret.removeprefix(_KEY_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in _KEY_BYTES:
        raise ValueError("a webhook's secret is 24 to 64 random bytes in base64: `openssl rand -base64 32`")
    return key


def _check_url(url: SecretStr) -> SecretStr:
    """Not quoted: with many services the address is the secret."""
    try:
        parts = urlsplit(url.get_secret_value().strip())
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("a webhook's url is http://HOST/... or https://HOST/...")
    return url


def _check_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None:
        webhook_key(secret.get_secret_value())
    return secret


def _check_own_headers(headers: dict[str, str]) -> dict[str, str]:
    if any(name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-") for name in headers):
        raise ValueError("Content-Type, Content-Length and webhook-... are what the relay itself says: leave them out")
    return headers


WebhookUrl = Annotated[SecretStr, AfterValidator(_check_url)]
WebhookSecret = Annotated[SecretStr | None, AfterValidator(_check_secret)]
WebhookHeaders = Annotated[Headers, AfterValidator(_check_own_headers)]


class WebhookSettings(Settings):
    """Whom to tell of events by a POST, of which, and with what. What is left empty asks for nothing."""

    url: WebhookUrl
    kinds: Annotated[tuple[Kind, ...], Field(max_length=32)] = ()
    streams: Annotated[tuple[StreamName, ...], Field(max_length=256)] = ()
    on: Annotated[tuple[Literal["begin", "end"], ...], Field(min_length=1, max_length=2)] = ("begin", "end")
    picture: Literal["none", "jpeg"] = "none"
    headers: WebhookHeaders = Field(default_factory=dict)
    secret: WebhookSecret = None
    timeout_s: Seconds = 15.0


Webhooks = Annotated[tuple[WebhookSettings, ...], Field(max_length=MOST_WEBHOOKS)]


def unknown_stream(webhooks: tuple[WebhookSettings, ...], streams: Iterable[str]) -> str:
    """What is wrong where a webhook names a stream that there is not; else empty."""
    known = set(streams)
    for number, webhook in enumerate(webhooks):
        for name in webhook.streams:
            if name not in known:
                return f"webhooks.{number}.streams: there is no stream {name!r}; there are {', '.join(sorted(known))}"
    return ""
