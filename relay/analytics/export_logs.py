"""Requests as the logs of web servers, for the many programs that read those: W3C extended, and NCSA combined.

Where a log has an address stands that of the masked network; where it has a user agent, what was kept of it. Paths are
without the viewer's token, as `/live/cam/v720/4711.m4s`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from relay.sessions.model import ObjectKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from relay.sessions.model import RequestRow

W3C_FIELDS: Final = (
    "date", "time", "c-ip", "sc-status", "sc-bytes", "cs-method", "cs-uri-stem", "cs(User-Agent)", "time-taken"
)  # fmt: skip
_NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - what log readers take for an address that is not known
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_w3c(rows: Iterable[RequestRow], out: TextIO) -> int:
    """W3C extended log format, separated by tabs and with the fields of CloudFront's; time-taken is in seconds."""
    out.write(f"#Version: 1.0\n#Fields: {' '.join(W3C_FIELDS)}\n")
    count = 0
    for row in rows:
        at = datetime.fromtimestamp(row.at_us / 1_000_000, UTC)
        fields = (
            f"{at:%Y-%m-%d}",
            f"{at:%H:%M:%S}",
            address(row),
            str(row.status),
            str(row.bytes_sent),
            "GET",
            path(row),
            quote(user_agent(row), safe="/();._,") or "-",
            f"{row.took_ms / 1000:.3f}",
        )
        out.write("\t".join(fields) + "\n")
        count += 1
    return count


def write_ncsa(rows: Iterable[RequestRow], out: TextIO) -> int:
    """NCSA combined log format, as Apache and nginx write it and GoAccess, AWStats and Matomo read it."""
    count = 0
    for row in rows:
        at = datetime.fromtimestamp(row.at_us / 1_000_000, UTC)
        month = _MONTHS[at.month - 1]  # whatever the locale
        referrer = f"https://{quote(row.referrer_host, safe='.:')}/" if row.referrer_host else "-"
        agent = user_agent(row).replace("\\", "").replace('"', "") or "-"
        out.write(
            f"{address(row)} - - [{at.day:02}/{month}/{at:%Y:%H:%M:%S} +0000] "
            f'"GET {path(row)} HTTP/1.1" {row.status} {row.bytes_sent} "{referrer}" "{agent}"\n'
        )
        count += 1
    return count


def address(row: RequestRow) -> str:
    """The first address of the network."""
    network = row.client_net.partition("/")[0]
    return network if "." in network or ":" in network else _NO_ADDRESS


def path(row: RequestRow) -> str:
    """What was asked for, as far as it was kept."""
    stream = f"/live/{quote(row.stream_id, safe='')}"
    if row.object_kind == ObjectKind.MULTIVARIANT:
        return f"{stream}/index.m3u8"
    folder = f"{stream}/{quote(row.rendition_id, safe='')}" if row.rendition_id else stream
    if row.media_sequence is None:
        return f"{folder}/{'init.mp4' if row.object_kind == ObjectKind.INIT else 'index.m3u8'}"
    part = "" if row.part_index is None else f".{row.part_index}"
    return f"{folder}/{row.media_sequence}{part}.{'vtt' if row.object_kind == ObjectKind.CAPTIONS else 'm4s'}"


def user_agent(row: RequestRow) -> str:
    """`Firefox/140.0 (Linux; desktop)`: what was kept of the client's own words."""
    name = f"{row.player_name}/{row.player_version}" if row.player_version else row.player_name
    about = "; ".join(filter(None, (row.os, row.device_type)))
    return f"{name} ({about})" if name and about else name
