"""What all who take part in one visit share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from relay.check.finding import Finding, must
from relay.check.http import Resource, check_response
from relay.check.tally import Tally, harmless
from relay.check.visit.fetcher import MEDIA, PLAYLIST, Answer, Fetcher
from relay.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass
class Visit:
    """The connections, the findings, the time. `ends_s` is of the monotonic clock."""

    fetcher: Fetcher
    ends_s: float
    tally: Tally = field(default_factory=Tally)
    requests: int = 0
    bytes_read: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.ends_s

    def add(self, findings: Iterable[Finding], url: str) -> None:
        """Note findings at an address."""
        self.tally.add(findings, place(url))

    def add_failure(self, error: Exception, url: str) -> None:
        """Note that a rule itself failed on what an origin sent: that is no honest stream, and a mistake here."""
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{where.tb_frame.f_code.co_name}, line {where.tb_lineno}" if where is not None else ""
        self.add([must("X1", "relay check", f"a rule failed on it, please report this: {error!r}", line)], url)

    async def ask(
        self,
        url: str,
        kind: Resource,
        *,
        target_s: int | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        is_judged: bool = True,
    ) -> Answer | None:
        """An answer, whose head `is_judged` here; `None` where there was none, which is a finding."""
        self.requests += 1
        try:
            limits = PLAYLIST if kind.is_playlist else MEDIA
            answer = await self.fetcher.get(url, limits, method=method, headers=headers)
        except FetchError as error:
            self.add([must("H7", "RFC 9110", f"a {kind} could not be read: {error.kind}: {error}")], url)
            return None
        self.bytes_read += len(answer.body)
        if is_judged:
            self.judge(answer, kind, url, target_s=target_s, method=method)
        return answer

    def judge(
        self,
        answer: Answer,
        kind: Resource,
        url: str,
        *,
        target_s: int | None,
        method: str = "GET",
        is_live: bool = True,
    ) -> None:
        """Hold the heads of an answer, and of the redirects before it, against the rules of HTTP."""
        heads = [*answer.redirects, (url, answer.status, answer.headers)]
        for where, status, headers in heads:
            self.add(
                check_response(
                    kind, method, status, headers, answer.request, target_duration_s=target_s, is_live=is_live
                ),
                where,
            )


def place(url: str) -> str:
    """An address for a report: what differs from request to request, the query, is left out."""
    try:
        parts = urlsplit(url)
    except ValueError:  # "http://[half"
        return harmless(url)
    host = parts.netloc.rpartition("@")[2]
    return harmless(f"{parts.scheme}://{host}{parts.path}")


def joined(base: str, uri: str) -> str:
    """The address that `uri` is in a playlist at `base`. One that is none stays as it is, and cannot be fetched."""
    try:
        return urljoin(base, uri)
    except ValueError:
        return uri
