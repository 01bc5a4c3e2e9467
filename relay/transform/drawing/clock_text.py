"""Moments as text, by a template for `strftime` that may have digits of the second's fraction in it.

All pictures of a second have the same text but for those digits. So `strftime`, which works in a buffer of 4 KB
whatever it writes, is asked once for each second, and the digits are put in between.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from typing import Final

from relay.timeline import NS_PER_S

_FRACTION: Final = re.compile(r"%%|%([1-6]?)f")
_ALL_DIGITS: Final = 6
"""As Python's own `%f` has them."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class ClockText:
    """The text of any moment; the newest second is kept.

    `template` is as strftime takes it, with `%1f` to `%6f` for that many digits of the second's fraction, cut and not
    rounded. `timezone` is "local", "UTC" or a name of the IANA database.
    """

    def __init__(self, template: str, timezone: str) -> None:
        self._templates, self._digits = split_at_fractions(template)
        self._zone = zone_of(timezone)
        self._second: int | None = None
        self._written: tuple[str, ...] = ()

    def at(self, time_ns: int) -> str:
        """The text of a Unix time. Raises `ValueError` for a template that strftime does not take."""
        second, ns = divmod(time_ns, NS_PER_S)
        if second != self._second:
            moment = (_EPOCH + dt.timedelta(seconds=second)).astimezone(self._zone)
            self._written = tuple(moment.strftime(template) for template in self._templates)
            self._second = second
        if not self._digits:
            return self._written[0]
        fraction = f"{ns:09d}"
        text = self._written[0]
        for digits, behind in zip(self._digits, self._written[1:], strict=True):
            text += fraction[:digits] + behind
        return text


def split_at_fractions(template: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """What strftime is to write, one more than there are fractions, and how many digits each of those has."""
    templates: list[str] = []
    digits: list[int] = []
    begin = 0
    for match in _FRACTION.finditer(template):
        if match[1] is None:  # a per cent sign, and what is behind it stands as it is
            continue
        templates.append(template[begin : match.start()])
        digits.append(int(match[1] or _ALL_DIGITS))
        begin = match.end()
    return (*templates, template[begin:]), tuple(digits)


def zone_of(timezone: str) -> dt.tzinfo | None:
    """The zone of that name; `None` is the machine's own. Raises `ValueError` for a name that there is not."""
    if timezone == "local":
        return None
    if timezone == "UTC":
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('is "local", "UTC" or a name like Europe/Berlin (where the system has tzdata)') from error
