"""How long viewing data are kept, and how much of them: the table `[viewing]` of `relay.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from relay.fields import Settings

_Days = Annotated[int, Field(ge=1, le=3650)]


class Retention(Settings):
    """What is older is deleted within the hour. `request_days = 0` keeps no single requests at all."""

    request_days: Annotated[int, Field(ge=0, le=3650)] = 7
    """Single requests and players' reports."""
    request_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """The room that these may take, compressed; beyond it the oldest hours go first."""
    minute_days: _Days = 90
    """Minutes of sessions, and how many watched each segment."""
    session_days: _Days = 395
    """Sessions: thirteen months. CNIL's limit for audience measurement without consent is 25."""
