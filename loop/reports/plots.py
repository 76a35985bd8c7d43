"""The picture of a campaign: best so far, predicted against measured, and the training set's tail filling up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.units import convert
from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.files import write_picture
from saltloop.loop.reports.view_rows import predicted_before
from saltloop.loop.space.settings import values_of

#: Okabe–Ito colours, told apart without colour vision; each source also has its own marker.
SOURCE_STYLE = {"openmm": ("#D55E00", "o"), "mlff": ("#CC79A7", "^"), "experiment": ("#0072B2", "s")}
OTHER_STYLE = ("#009E73", "D")
GREY = "#8a8a8a"
#: How far above the highest mark an axis goes, so that no legend lies on one.
ROOM_FOR_LEGEND = 1.3


def plot_campaign(campaign: Campaign, known: Sequence[Measurement], path: Path) -> str:
    """Draw the campaign's three panels into one PNG and say in words what they show.

    Args:
        known: conductivities of the campaign's data sets.
        path: the PNG to write, whatever its name ends in.

    Raises:
        CampaignError: the path cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    results = _results_in_order(campaign)
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(13.5, 4.3), layout="constrained")
    words = [
        _best_so_far(left, results, _best_known(campaign, known)),
        _parity(middle, results),
        _tail(right, [m.in_unit("mS/cm").value for m in known], [r["value"] for r in results]),
    ]
    figure.suptitle(f"Campaign '{campaign.settings.name}'", fontsize=12)
    pyplot.close(figure)
    write_picture(path, figure, dpi=150)
    return "\n".join(words)


def _best_known(campaign: Campaign, known: Sequence[Measurement]) -> float | None:
    """The highest conductivity (mS/cm) in the data sets within 2 K of a temperature of the campaign's space."""
    offered = values_of(campaign.settings.space.temperatures_K)
    near = [m.in_unit("mS/cm").value for m in known if _is_near(m.formulation.temperature_K, offered)]
    return max(near, default=None)


def _is_near(temperature_K: float, offered: Sequence[float]) -> bool:
    return min(abs(temperature_K - one) for one in offered) <= 2


def _results_in_order(campaign: Campaign) -> list[dict[str, Any]]:
    """Valid conductivities in the order they arrived, in mS/cm as they were reported."""
    results = []
    for result in campaign.record.results.values():
        m = result.measurement
        if result.counts and m["quantity"] == "conductivity":
            value = convert(m["value"], m["unit"], "mS/cm")
            error = convert(m["standard_uncertainty"], m["unit"], "mS/cm")
            predicted = predicted_before(result, campaign.record.candidates.get(result.candidate_id or ""))[0]
            results.append({"value": value, "error": error, "source": m["source"], "predicted": predicted})
    return results


def _best_so_far(axes: Any, results: list[dict[str, Any]], best_known: float | None) -> str:
    axes.set_title("Best so far", fontsize=11)
    axes.set_xlabel("result number")
    axes.set_ylabel("conductivity / mS cm$^{-1}$")
    if not results:
        return _nothing(axes, "Best so far: no result yet.")
    numbers = np.arange(1, len(results) + 1)
    values = np.array([r["value"] for r in results])
    errors = np.array([r["error"] for r in results])
    sources = list(dict.fromkeys(r["source"] for r in results))
    said = []
    for source in sources:
        mask = np.array([r["source"] == source for r in results])
        colour, marker = SOURCE_STYLE.get(source, OTHER_STYLE)
        axes.errorbar(
            numbers[mask],
            values[mask],
            yerr=errors[mask],
            fmt=marker,
            color=colour,
            capsize=3,
            ms=6,
            label=f"{source} (±1 s.e.)",
        )
        # Values of one source are compared with each other alone.
        of, line = (f" ({source})", colour) if len(sources) > 1 else ("", "black")
        running = np.maximum.accumulate(values[mask])
        ends, last = np.append(numbers[mask], len(results)), np.append(running, running[-1])
        axes.step(ends, last, where="post", color=line, lw=1.2, label=f"best so far{of}")
        at = int(values[mask].argmax())
        best, number, first = values[mask][at], numbers[mask][at], values[mask][0]
        said.append(f"Best so far{of}: {best:.2f} mS/cm, result {number} of {len(values)}; the first was {first:.2f}.")
    if best_known is not None:
        axes.axhline(best_known, color=GREY, lw=1, ls=":", label="best in the data sets at this temperature")
    axes.set_xlim(0.5, len(results) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(0, ROOM_FOR_LEGEND * axes.get_ylim()[1])
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return "\n".join(said)


def _parity(axes: Any, results: list[dict[str, Any]]) -> str:
    axes.set_title("Predicted before, against what came back", fontsize=11)
    axes.set_xlabel("predicted (as experiment) / mS cm$^{-1}$")
    axes.set_ylabel("reported / mS cm$^{-1}$")
    pairs = [r for r in results if r["predicted"]]
    if not pairs:
        return _nothing(axes, "Predicted against measured: nothing to compare yet.")
    mean = np.array([r["predicted"]["mean"] for r in pairs])
    std = np.array([r["predicted"]["standard_deviation"] for r in pairs])
    values, errors = np.array([r["value"] for r in pairs]), np.array([r["error"] for r in pairs])
    sources = list(dict.fromkeys(r["source"] for r in pairs))
    said = []
    for source in sources:
        mask = np.array([r["source"] == source for r in pairs])
        colour, marker = SOURCE_STYLE.get(source, OTHER_STYLE)
        axes.errorbar(
            mean[mask],
            values[mask],
            xerr=std[mask],
            yerr=errors[mask],
            fmt=marker,
            color=colour,
            capsize=3,
            ms=6,
            label=f"{source} (±1 s.d.)",
        )
        positive = mask & (mean > 0)
        ratio = f"{np.median(values[positive] / mean[positive]):.2f}" if positive.any() else "none"
        off = np.abs(values - mean)[mask].mean()
        of = f" ({source})" if len(sources) > 1 else ""
        said.append(
            f"Predicted against reported{of}: median ratio reported / predicted {ratio} over {mask.sum()} result(s); "
            f"mean absolute difference {off:.2f} mS/cm."
        )
    top = 1.1 * max((mean + std).max(), (values + errors).max())
    axes.plot([0, top], [0, top], color=GREY, lw=1, ls="--", label="agreement")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return "\n".join(said)


def _tail(axes: Any, known: Sequence[float], new: Sequence[float]) -> str:
    axes.set_title("The training set's tail", fontsize=11)
    axes.set_xlabel("conductivity / mS cm$^{-1}$")
    axes.set_ylabel("number of values")
    top = max([*known, *new], default=1.0)
    bins = np.linspace(0, np.ceil(top) + 1, 30)
    axes.hist(
        known,
        bins=bins,
        color="#bcd4e6",
        edgecolor="white",
        lw=0.3,
        label=f"data sets, all temperatures ({len(known)})",
    )
    if new:
        axes.hist(new, bins=bins, color="#D55E00", edgecolor="white", lw=0.3, label=f"this campaign ({len(new)})")
    axes.set_yscale("log")
    axes.set_ylim(0.7, axes.get_ylim()[1] ** ROOM_FOR_LEGEND)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    if not known:
        return f"The tail: {len(new)} new value(s); the data sets hold none to compare with."
    edge = float(np.quantile(known, 0.9))
    above = sum(value > edge for value in new)
    return f"The tail: {above} of {len(new)} new value(s) lie above the data sets' 90 % quantile ({edge:.1f} mS/cm)."


def _nothing(axes: Any, text: str) -> str:
    axes.text(
        0.5, 0.5, text.partition(": ")[2].rstrip("."), ha="center", va="center", transform=axes.transAxes, color=GREY
    )
    return text
