"""What is wrong or odd in CALiSol-23, row by row, with the evidence: ``saltloop data audit calisol23``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .audit_checks import replicate_findings, row_findings, species_findings
from .audit_isotherms import Isotherms, examine, isotherm_findings
from .audit_papers import Comparison, compare_papers, conflicts, far_papers, repeats, same_liquid_pairs, smooth_grids
from .audit_rows import Rows, read_rows
from .audit_series import series_findings
from .audit_verdicts import CHECKS, VERDICTS, Finding, Verdict, sorted_findings


@dataclass(frozen=True)
class Audit:
    """The findings in the order of the table, and what they rest on (for the plots)."""

    path: Path
    rows: Rows
    findings: tuple[Finding, ...]
    comparison: Comparison
    isotherms: Isotherms

    def summary(self) -> dict[str, Any]:
        """Rows by verdict, and for each check its count by verdict, its papers and one example; plain JSON."""
        strongest: dict[int, Verdict] = {}
        for one in self.findings:
            if one.row is not None:
                other = strongest.get(one.row, VERDICTS[-1])
                strongest[one.row] = min(other, one.verdict, key=lambda verdict: VERDICTS.index(verdict))
        by_check = {check: [one for one in self.findings if one.check == check] for check in CHECKS}
        return {
            "file": str(self.path),
            "n_rows": len(self.rows.raw),
            "n_with_conductivity": len(self.rows.frame),
            "n_tested_against_neighbours": int(np.isfinite(self.isotherms.local.residual).sum()),
            "rows_by_verdict": {verdict: list(strongest.values()).count(verdict) for verdict in VERDICTS},
            "checks": [_check_summary(check, found) for check, found in by_check.items() if found],
        }


def audit_calisol(path: Path) -> Audit:
    """Run every check on a copy of CALiSol-23; deterministic, half a minute on one core.

    Raises:
        DataError: the file is absent or is not CALiSol-23.
    """
    rows = read_rows(path)
    comparison = compare_papers(rows)
    off = comparison.off(rows)
    isotherms = examine(rows, off)
    suspect = off | isotherms.odd
    pairs = same_liquid_pairs(isotherms.rows, suspect)
    found: list[Finding] = [
        *row_findings(rows),
        *replicate_findings(rows),
        *species_findings(rows),
        *far_papers(rows, comparison),
        *isotherm_findings(isotherms, off),
        *series_findings(rows, np.isfinite(isotherms.local.residual), suspect, comparison),
        *conflicts(isotherms.rows, pairs),
        *repeats(isotherms.rows, pairs),
        *smooth_grids(rows, suspect),
    ]
    return Audit(path, rows, tuple(sorted_findings(found)), comparison, isotherms)


def _check_summary(check: str, found: Sequence[Finding]) -> dict[str, Any]:
    papers = Counter(one.doi for one in found if one.doi)
    example = found[len(found) // 2]
    return {
        "check": check,
        "what": CHECKS[check],
        "n": len(found),
        "by_verdict": dict(Counter(one.verdict for one in found)),
        "by_paper": dict(papers.most_common()),
        "example": {"row": example.row, "doi": example.doi, "evidence": example.evidence},
    }


def audit_text(summary: dict[str, Any]) -> str:
    """A summary of an audit in words, for the terminal."""
    verdicts = summary["rows_by_verdict"]
    lines = [
        f"{summary['file']}: {summary['n_rows']:,} rows, {summary['n_with_conductivity']:,} with a conductivity, "
        f"{summary['n_tested_against_neighbours']:,} tested against their neighbours",
        f"rows excluded {verdicts['exclude']:,}, weighing less {verdicts['downweight']:,}, "
        f"corrected {verdicts['correct']:,}, only noted {verdicts['note']:,}",
    ]
    for one in summary["checks"]:
        counts = ", ".join(f"{verdict} {n:,}" for verdict, n in one["by_verdict"].items())
        lines += ["", f"{one['n']:>6,}  {one['what']} ({counts})"]
        papers = [f"{doi} ({n:,})" for doi, n in one["by_paper"].items()]
        more = f" and {len(papers) - 3} more" if len(papers) > 3 else ""
        if papers:
            lines.append(f"{'':8}in {', '.join(papers[:3])}{more}")
        row = one["example"]["row"]
        lines.append(f"{'':8}e.g. {f'row {row}: ' if row else ''}{one['example']['evidence']}")
    return "\n".join(lines)
