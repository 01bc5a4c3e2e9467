"""What the report's page is made of: cards, badges and tables. Every text given here is escaped here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def badge(source: str) -> str:
    """Where a figure comes from; nothing where it has no value."""
    return f'<span class="source">{escape(source)}</span>' if source else ""


def card(title: str, body: str, beside: str = "") -> str:
    """A box; `body` and `beside`, which stands after the title, are HTML."""
    head = f"<h3>{escape(title)} {beside}</h3>" if title else ""
    return f'<section class="card">{head}{body}</section>'


def rows_table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    shares: Sequence[float] = (),
    is_folded: bool = False,
) -> str:
    """A table whose first column names its rows. `shares` (0 to 1) are drawn beside the names."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    bars = [f'<span class="share"><i style="width:{100 * share:.0f}%"></i></span>' for share in shares] or [""] * len(
        rows
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}{bar}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row, bar in zip(rows, bars, strict=True)
    )
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f'<caption class="hidden">{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )
    return f"<details><summary>As a table</summary>{table}</details>" if is_folded else table
