"""What the API offers, as OpenAPI 3.1 has it: `GET /api/v1/openapi.json`.

What a session is, is read off the rows themselves, so that the document cannot say otherwise.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from aiohttp import web

from relay import __version__
from relay.serve.prepared import NO_STORE
from relay.serve.viewing_query import EXPORTS, NAMES
from relay.sessions.model import MinuteRow, PlayerEventRow, SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]

_PLAIN: Final = {int: "integer", float: "number", str: "string", bool: "boolean"}
_TIME: Final = "Unix time in milliseconds, or a date and time with its zone (RFC 3339)."
_QUERY: Final[dict[str, tuple[str, Schema]]] = {
    "stream": ("Only this stream.", {"type": "string"}),
    "since": (f"From then on. {_TIME}", {"type": "string"}),
    "until": (f"Before then. {_TIME}", {"type": "string"}),
    "limit": ("At most so many.", {"type": "integer", "minimum": 1}),
    "before": ("Behind this one: the `next` of the page before.", {"type": "string"}),
    "step_s": (
        "Seconds between two points; else as many points as a chart can show.",
        {"type": "integer", "minimum": 1},
    ),
    "by": ("Figures of each group: stream, player, device, country, network, referrer, rendition.", {"type": "string"}),
    "k": ("Groups of fewer viewers are put together.", {"type": "integer", "minimum": 1, "default": 5}),
    "format": ("How it is written.", {"type": "string"}),
    "table": ("Which table; else sessions, and for logs requests.", {"type": "string"}),
    "kind": ("Only this kind; may be repeated.", {"type": "string"}),
}
_EVENT_QUERY: Final = ("since", "until", "kind", "limit", "before")
_ADMIN: Final[list[Schema]] = [{"token": []}, {"cookie": []}]


async def handle(request: web.Request) -> web.Response:
    """The document."""
    del request
    return web.json_response(document(), headers={"Cache-Control": NO_STORE})


def document() -> Schema:
    """All of `/api/v1`. Addresses are relative to where the document is, also behind a proxy's prefix."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "relay",
            "version": __version__,
            "description": "Streams and their health, events, and who watches. Errors are `{\"error\": \"why\"}`.",
        },
        "servers": [{"url": "../.."}],
        "paths": {**_of_streams(), **_of_admins(), **_of_viewing()},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The text in DATA/admin.token."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "relay_admin_ID"},  # each relay has its own ID
            },
            "schemas": {
                "Error": _object({"error": {"type": "string"}}),
                "Session": _of_row(SessionRow),
                "SessionMinute": _of_row(MinuteRow),
                "PlayerEvent": _of_row(PlayerEventRow),
                "Figure": _object(
                    {
                        "value": {"type": ["number", "null"]},
                        "unit": {"type": "string"},
                        "source": {"type": "string", "description": "measured, cmcd or estimated"},
                        "n": {"type": "integer", "description": "Of how many sessions."},
                        "sources": {"type": "object", "additionalProperties": {"type": "integer"}},
                    }
                ),
            },
        },
    }  # fmt: skip


def _of_streams() -> Schema:
    stream, event = _in_path("stream", "A stream's name."), _in_path("id", "An event's id.")
    events = "/api/v1/streams/{stream}/events"
    asked = [stream, *_in_query(_EVENT_QUERY)]
    streams = _object({"streams": _list({"type": "object", "required": ["name", "health", "viewers", "format"]})})
    listed = _object({"stream": {"type": "string"}, "events": _list({"type": "object"}), "next": _or_null("string")})
    return {
        "/api/v1/openapi.json": _get("This document.", _json({"type": "object"})),
        "/api/v1/time": _get("The relay's clock.", _json(_object({"unix_ms": {"type": "number"}}))),
        "/api/v1/streams": _get("All streams with health, viewers, format and counters.", _json(streams)),
        events: _get("Events of a stream, the newest first.", _json(listed), asked, "400 404 503"),
        f"{events}/live": _get("Events as they happen.", _content("text/event-stream"), [stream], "404 503"),
        f"{events}/{{id}}/picture.jpg": _get("An event's picture.", _content("image/jpeg"), [stream, event], "404 503"),
        "/api/v1/events/live": _get("Events of all streams as they happen.", _content("text/event-stream"), (), "503"),
    }  # fmt: skip


def _of_admins() -> Schema:
    body = {"required": True, "content": _json(_object({"token": {"type": "string"}}))}
    cookie = {"204": {"description": "Signed in.", "headers": {"Set-Cookie": {"schema": {"type": "string"}}}}}
    signed_in = {
        "summary": "Exchange the admin token, or an invitation, for a cookie.",
        "requestBody": body,
    }
    signed_out = {
        "summary": "Forget the cookie.",
        "responses": {"204": {"description": "Signed out."}, **_errors("403")},
    }
    return {
        "/api/v1/admin/session": {
            "post": {**signed_in, "responses": {**cookie, **_errors("400 401 403 408 415 429")}},
            "delete": signed_out,
        }
    }


def _of_viewing() -> Schema:
    session, notes = _ref("Session"), _list({"type": "string"})
    watching = {"allOf": [session, _object({"rendition": {"type": "string", "description": "What it plays now."}})]}
    live = _object({"now_ms": {"type": "integer"}, "watching": {"type": "integer"}, "sessions": _list(watching)})
    page = _object({"sessions": _list(session), "next": _or_null("string"), "notes": notes})
    one = {"minutes": _list(_ref("SessionMinute")), "player_events": _list(_ref("PlayerEvent"))}
    series = {name: _list({"type": "object"}) for name in ("points", "segments", "retention")}
    peak = {"peak": {"type": "integer"}, "peak_at_ms": _or_null("integer"), "step_s": {"type": "integer"}}
    audience = {**series, **peak, "notes": notes}
    figures = {"type": "object", "additionalProperties": _ref("Figure")}
    quality = {"figures": figures, "groups": _list({"type": "object"}), "notes": notes}
    files: Schema = {kind.partition(";")[0]: {} for kind in EXPORTS.values()}
    key = _in_path("id", "A session's whole id.")
    return {
        "/api/v1/sessions": _for_admins("sessions", "Sessions, the newest first, page by page.", _json(page)),
        "/api/v1/sessions/live": _for_admins("", "Who watches now.", _json(live), _in_query(("stream",))),
        "/api/v1/sessions/export": _for_admins("export", "A table as a file.", files),
        "/api/v1/sessions/{id}": _for_admins(
            "", "One session.", _json(_object({"session": session, **one, "notes": notes})), [key], "404"
        ),
        "/api/v1/audience": _for_admins("audience", "Viewers over time.", _json(_object(audience))),
        "/api/v1/qoe": _for_admins("qoe", "Quality of experience (CTA-2066).", _json(_object(quality))),
        "/api/v1/report": _for_admins("report", "All of it as a page, or text.", {"text/html": {}, "text/plain": {}}),
    }  # fmt: skip


def _for_admins(job: str, summary: str, content: Schema, parameters: Iterable[Schema] = (), more: str = "") -> Schema:
    asked = [*parameters, *_in_query(NAMES.get(job, ()))]
    described = _get(summary, content, asked, f"400 401 429 503 {more}".rstrip())
    described["get"]["security"] = _ADMIN
    return described


def _get(summary: str, content: Schema, parameters: Iterable[Schema] = (), errors: str = "") -> Schema:
    answers = {"200": {"description": summary, "content": content}, **_errors(errors)}
    asked = list(parameters)
    return {"get": {"summary": summary, **({"parameters": asked} if asked else {}), "responses": answers}}


def _errors(codes: str) -> Schema:
    words = {
        "400": "What is asked cannot be answered.",
        "401": "This is for admins.",
        "403": "Another site's page asks.",
        "404": "There is none.",
        "408": "The body did not come in time.",
        "415": "Another content type is wanted.",
        "429": "Too many wrong tokens.",
        "503": "Not just now.",
    }
    return {code: {"description": words[code], "content": _json(_ref("Error"))} for code in codes.split()}


def _in_query(names: Iterable[str]) -> list[Schema]:
    found = ((name, *_QUERY[name]) for name in names)
    return [{"name": name, "in": "query", "description": words, "schema": schema} for name, words, schema in found]


def _in_path(name: str, words: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": words, "schema": {"type": "string"}}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _content(kind: str) -> Schema:
    return {kind: {}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _of_row(kind: type[SessionRow | MinuteRow | PlayerEventRow]) -> Schema:
    return _object({name: _of_hint(hint) for name, hint in get_type_hints(kind).items()})


def _of_hint(hint: Any) -> Schema:  # noqa: ANN401 - a type is any object
    if isinstance(hint, types.UnionType):
        (plain,) = (one for one in get_args(hint) if one is not types.NoneType)
        return _or_null(_PLAIN[plain])
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if item is str:
            return _list({"type": "string"})
        return {"type": "object", "additionalProperties": {"type": "integer"}}
    return {"type": _PLAIN[hint]}
