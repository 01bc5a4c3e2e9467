"""What a rule says when it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(StrEnum):
    """How much a finding weighs."""

    MUST = "must"
    """Some player refuses the stream or plays it wrongly, or a standard says MUST."""
    SHOULD = "should"
    """It plays, but worse than it could."""
    ADVICE = "advice"
    """A choice, worth knowing about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule, broken once. `where` is a line of the playlist, a box path or a header; empty for the whole."""

    rule: str
    severity: Severity
    clause: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.rule} {self.severity}: {self.message}{place} [{self.clause}]"


def must(rule: str, clause: str, message: str, where: str = "") -> Finding:
    """A finding that breaks a MUST."""
    return Finding(rule, Severity.MUST, clause, message, where)


def should(rule: str, clause: str, message: str, where: str = "") -> Finding:
    """A finding that breaks a SHOULD."""
    return Finding(rule, Severity.SHOULD, clause, message, where)


def advice(rule: str, clause: str, message: str, where: str = "") -> Finding:
    """A finding that is no fault."""
    return Finding(rule, Severity.ADVICE, clause, message, where)


def faults(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without the mere advice."""
    return [finding for finding in findings if finding.severity is not Severity.ADVICE]
