"""One self-contained HTML page: text, tables and pictures in one file that opens anywhere, without scripts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from saltloop.loop.reports.files import write_whole

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #22303c; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 2rem 1.2rem 4rem; }
h1 { font-size: 1.65rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .7rem; border-top: 1px solid #dfe5e9; }
p { margin: .6rem 0; max-width: 48rem; }
.lead { color: #55646f; margin-top: 0; }
.answer { font-size: 1.15rem; background: #eef5f9; border-left: 4px solid #3b7ea1; padding: .7rem 1rem; }
.note { background: #fdf6ec; border-left: 4px solid #d1903d; padding: .6rem 1rem; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption, caption { color: #55646f; font-size: .88rem; text-align: left; padding-bottom: .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .9rem; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e8edf0; }
th { font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
th { vertical-align: bottom; line-height: 1.25; max-width: 9rem; }
code { font: .88em/1.4 ui-monospace, Menlo, Consolas, monospace; }
details > summary { cursor: pointer; color: #3b7ea1; margin: .6rem 0; }
footer { margin-top: 3rem; color: #55646f; font-size: .85rem; }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
"""


class Page:
    """Pieces in the order they are added. All text is escaped; nothing is loaded from elsewhere."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]
        if subtitle:
            self._parts.append(f'<p class="lead">{escape(subtitle)}</p>')

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, *, kind: str = "") -> None:
        """A paragraph; ``kind``: ``answer`` or ``note`` set it apart."""
        style = f' class="{kind}"' if kind else ""
        self._parts.append(f"<p{style}>{escape(text)}</p>")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "", folded: str = "") -> None:
        """A table; columns of numbers are set to the right. ``folded``: words behind which it hides until clicked."""
        numeric = [
            bool(rows) and all(_is_number(row[column]) for row in rows) and any(row[column] for row in rows)
            for column in range(len(head))
        ]
        cells = "".join(_cell("th", text, right) for text, right in zip(head, numeric, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", text, right) for text, right in zip(row, numeric, strict=True)) + "</tr>"
            for row in rows
        )
        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        table = f'<div class="wide"><table>{title}<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'
        if folded:
            table = f"<details><summary>{escape(folded)}</summary>{table}</details>"
        self._parts.append(table)

    def picture(self, png: bytes, *, description: str, caption: str = "") -> None:
        """A PNG, embedded; ``description`` is what a person who cannot see it is told."""
        data = base64.b64encode(png).decode()
        words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        image = f'<img alt="{escape(description, quote=True)}" src="data:image/png;base64,{data}">'
        self._parts.append(f"<figure>{image}{words}</figure>")

    def footer(self, text: str) -> None:
        self._parts.append(f"<footer>{escape(text)}</footer>")

    def html(self) -> str:
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head><body>\n"
            + "\n".join(self._parts)
            + "\n</body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the page; a reader never sees half of it.

        Raises:
            CampaignError: the path cannot be written.
        """
        write_whole(path, self.html().encode())


def _cell(tag: str, text: str, right: bool) -> str:
    style = ' class="n"' if right else ""
    return f"<{tag}{style}>{escape(text)}</{tag}>"


def _is_number(text: str) -> bool:
    """Whether a cell is a number: with an error, as a percentage, as a range or missing (–)."""
    return all(map(_is_float, text.split("±")[0].rstrip("% ").replace("−", "-").split("–")))


def _is_float(text: str) -> bool:
    try:
        float(text.strip().replace(",", "") or 0)
    except ValueError:
        return False
    return True
