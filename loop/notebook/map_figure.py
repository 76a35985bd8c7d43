"""Where in the space a campaign has looked: two principal components of the compositions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.loop.notebook.figures import captioned, new_figure, nothing
from saltloop.loop.reports.view_types import MapAxis, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A liquid: its composition, flat (positions in ``View.species`` and amounts), and its temperature in K.
Liquid = tuple[Sequence[float], float]


def space_figure(view: View) -> Figure:
    """The space in grey; known liquids as dots and measured ones as squares, by conductivity; open ones as crosses."""
    figure, (axes,) = new_figure()
    axes.set_title("Where the campaign has looked")
    space = view["map"]
    if space["why_not"]:
        return nothing(axes, space["why_not"])
    across, up = space["axes"]
    axes.set_xlabel(f"{across['label']} ({100 * across['share']:.0f} %): {across['words']}")
    axes.set_ylabel(f"{up['label']} ({100 * up['share']:.0f} %): {up['words']}")
    x, y = _place(space["axes"], [(point["c"], point["t"]) for point in space["space"]])
    axes.scatter(x, y, s=5, color="#d5d5d5", lw=0, label="the space", zorder=0)
    known = [(point, float(point["v"])) for point in space["known"] if point["v"] is not None]
    measured = [one for one in view["results"] if one["counts"]]
    values = [*(value for _, value in known), *(one["value"] for one in measured)]
    colours: dict[str, Any] = {"cmap": "viridis", "vmin": min(values, default=0), "vmax": max(values, default=1)}
    if known:
        x, y = _place(space["axes"], [(point["c"], point["t"]) for point, _ in known])
        axes.scatter(x, y, s=16, c=[value for _, value in known], label=f"known before ({len(known)})", **colours)
    if measured:
        x, y = _place(space["axes"], [(one["composition"], one["temperature_K"]) for one in measured])
        shown = axes.scatter(
            x, y, s=60, marker="s", c=[one["value"] for one in measured], edgecolor="black", lw=0.9,
            label=f"measured by the campaign ({len(measured)})", zorder=3, **colours,
        )  # fmt: skip
        figure.colorbar(shown, label="conductivity / mS cm$^{-1}$")
    waiting = [one for one in view["candidates"] if one["status"] in ("candidate", "approved", "running")]
    if waiting:
        x, y = _place(space["axes"], [(one["composition"], one["temperature_K"]) for one in waiting])
        axes.scatter(x, y, s=70, marker="x", color="#D55E00", lw=2, label=f"proposed, open ({len(waiting)})", zorder=4)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2)
    return captioned(figure, [space["words"]])


def _place(axes: Sequence[MapAxis], liquids: Sequence[Liquid]) -> np.ndarray:
    """2 x len(liquids): coordinates on the two axes."""
    return np.array([[_along(axis, *liquid) for liquid in liquids] for axis in axes])


def _along(axis: MapAxis, composition: Sequence[float], temperature_K: float) -> float:
    """Coordinate on an axis; species that the space does not offer, which come last, have no weight on it."""
    weights = axis["weights"]
    amounts = [(int(position), amount) for position, amount in zip(composition[::2], composition[1::2], strict=True)]
    there = sum(weights[position] * amount for position, amount in amounts if position < len(weights))
    return axis["offset"] + there + axis["per_kelvin"] * temperature_K
