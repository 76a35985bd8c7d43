"""A campaign's status as a small table in a notebook. All text is escaped; colours are the notebook's own."""

from __future__ import annotations

from html import escape
from typing import Any

from saltloop.loop.reports.words import pm

MOST_LISTED = 8


def card(status: dict[str, Any]) -> str:
    """``report.status`` as HTML."""
    rounds = f"{status['rounds']}" + (f" of {status['rounds_budget']}" if status["rounds_budget"] else "")
    spent = f"{status['calls']} oracle calls" + (f", {status['oracle_hours']:.2g} h" if status["oracle_hours"] else "")
    spent += f", {status['money']:.2f} in money" if status["money"] else ""
    rows = [
        ("rounds", f"{rounds}; {spent}"),
        ("candidates", ", ".join(f"{n} {state}" for state, n in status["candidates"].items()) or "none yet"),
        ("results", f"{status['results']} conductivities"),
    ]
    if best := status["best"]:
        words = pm(best["value"], best["standard_uncertainty"])
        rows.append(("best", f"{best['text']}: {words} ({best['source']})"))
    rows += [("stop rule", rule) for rule in status["stop_rules"]]
    rows += _listed(
        "open", [f"{one['candidate_id']}  {one['formulation']} ({one['status']})" for one in status["open"]]
    )
    rows += _listed("quarantined", [f"{one['measurement_id']}  {one['reason']}" for one in status["quarantine"]])
    if status["requests_waiting"]:
        rows.append(("requests", f"{status['requests_waiting']} wait for the process that writes the campaign"))
    rows += [("note", message) for message in status["messages"]]
    body = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in rows
    )
    title = escape(f"Campaign {status['name']}: {status['state']}")
    caption = f'<caption style="text-align:left;font-weight:bold">{title}</caption>'
    return f"<table>{caption}<tbody>{body}</tbody></table>"


def _listed(name: str, lines: list[str]) -> list[tuple[str, str]]:
    rows = [(name, line) for line in lines[:MOST_LISTED]]
    return rows + [(name, f"and {len(lines) - MOST_LISTED} more")] * (len(lines) > MOST_LISTED)
