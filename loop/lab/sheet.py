"""A worklist to print: one self-contained HTML page for A4, a card and a code for each vial."""

from __future__ import annotations

from html import escape

from saltloop.loop.lab.worklist import Vial, Worklist

_STYLE = """
:root { color-scheme: light; }
@page { size: A4; margin: 12mm; }
* { box-sizing: border-box; }
body { font: 13px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #111;
  background: #fff; margin: 0 auto; padding: 6mm; max-width: 210mm; }
h1 { font-size: 17px; margin: 0; }
.head { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 2px solid #111;
  padding-bottom: 4px; margin-bottom: 10px; gap: 1rem; flex-wrap: wrap; }
.blank { display: inline-block; border-bottom: 1px solid #555; min-width: 34mm; }
.cards { display: grid; grid-template-columns: 1fr 1fr; gap: 6mm 5mm; }
@media (max-width: 600px) { .cards { grid-template-columns: 1fr; } }
.card { border: 1px solid #555; border-radius: 3px; padding: 8px 10px; break-inside: avoid; }
.control { border-style: dashed; border-width: 2px; }
.top { display: flex; justify-content: space-between; gap: 8px; }
.code { font: 700 22px/1.1 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: .04em;
  margin: 0; }
.what { color: #444; font-size: 11.5px; }
.liquid { font-weight: 600; margin: 6px 0; overflow-wrap: anywhere; }
.qr svg { display: block; width: 19mm; height: 19mm; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; }
th { text-align: left; font-weight: 600; font-size: 11px; color: #444; border-bottom: 1px solid #999; }
td { border-bottom: 1px solid #ddd; padding: 3px 6px 3px 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.box { border-bottom: 1px solid #555; width: 24mm; }
.note { font-size: 11px; color: #333; margin: 5px 0; overflow-wrap: anywhere; }
.fill { display: grid; grid-template-columns: auto 1fr auto 1fr; gap: 5px 6px; font-size: 11.5px; margin-top: 7px;
  align-items: end; }
.fill span { border-bottom: 1px solid #555; min-height: 15px; }
footer { margin-top: 8mm; font-size: 11px; color: #444; }
@media print { body { padding: 0; } }
"""


def to_html(worklist: Worklist) -> str:
    """The page. All text is escaped, and nothing is loaded from elsewhere."""
    cards = "\n".join(_card(vial) for vial in worklist.vials)
    title = f"Worklist of {worklist.campaign}"
    n_controls = sum(vial.kind == "control" for vial in worklist.vials)
    counts = f"{len(worklist.vials) - n_controls} sample(s), {n_controls} control(s)"
    blanks = " ".join(f'{word} <span class="blank"></span>' for word in ("Date", "By"))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f'<header class="head"><h1>{escape(title)}</h1><div>{escape(counts)}</div><div>{blanks}</div></header>\n'
        f'<main class="cards">\n{cards}\n</main>\n'
        "<footer>Report each value under the vial's code as its external_id, with what was really weighed as "
        "'actual'. Dashed frames are controls.</footer>\n</body></html>\n"
    )


def _card(vial: Vial) -> str:
    plan = vial.plan
    kind = "control: reference electrolyte" if vial.kind == "control" else f"{vial.candidate_id}, no. {vial.replicate}"
    how = "dispense" if plan.is_dispensed else "weigh"
    rows = "".join(
        f'<tr><td>{escape(one.name)}</td><td class="n">{_amount(one.mass_g, 4)}</td>'
        f'<td class="n">{"–" if one.volume_mL is None else _amount(one.volume_mL, 3)}</td><td class="box"></td></tr>'
        for one in plan.portions
    )
    expected = (
        f"expected {vial.predicted['mean']:.2f} ± {vial.predicted['standard_deviation']:.2f} mS/cm; "
        if vial.predicted
        else ""
    )
    fields = "".join(f"<div>{word}</div><span></span>" for word in ("mS/cm", "±", "at °C", "cell", "time", "remarks"))
    return (
        f'<section class="card {vial.kind}" aria-label="vial {escape(vial.code)}"><div class="top"><div>'
        f'<h2 class="code">{escape(vial.code)}</h2><div class="what">{escape(kind)}</div></div>{_qr(vial.code)}</div>'
        f'<div class="liquid">{escape(str(vial.formulation)).replace(" K", "&nbsp;K")}</div>'
        f'<table><thead><tr><th>{how}</th><th class="n">g</th><th class="n">mL</th><th class="n">actual</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
        f'<p class="note">{escape(expected)}batch {plan.mass_g:.3f} g; {escape(plan.note)}</p>'
        f'<div class="fill">{fields}</div></section>'
    )


def _amount(amount: float, places: int) -> str:
    """With as many decimals, or with more where the balance or the dispenser has finer steps."""
    text = f"{amount:.{places}f}"
    return text if abs(float(text) - amount) < 1e-9 else f"{amount:.9f}".rstrip("0")


def _qr(code: str) -> str:
    """The code for a scanner, where segno is installed (``saltloop[lab]``); the card has it in letters anyway."""
    try:
        import segno
    except ImportError:
        return ""
    drawing = segno.make(code, error="m", micro=False).svg_inline(border=1, omitsize=True)
    return f'<div class="qr" role="img" aria-label="QR code of {escape(code)}">{drawing}</div>'
