"""The figures of a notebook's campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saltloop.loop.notebook.handle import Handle

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from saltloop.loop.reports.view_types import View


class Pictures(Handle):
    """Each returns a matplotlib figure: a notebook shows it, ``.savefig("name.pdf")`` keeps it."""

    def plot_progress(self) -> Figure:
        """Best so far (mS/cm) by result, against what random draws would have found."""
        from saltloop.loop.notebook.figures import progress_figure

        return progress_figure(self.view())

    def plot_parity(self) -> Figure:
        """Predicted before each measurement against reported (mS/cm), with one standard deviation of each."""
        from saltloop.loop.notebook.figures import parity_figure

        return parity_figure(self.view())

    def plot_space(self) -> Figure:
        """A map of the formulations: what was known, what was measured, what is open."""
        from saltloop.loop.notebook.map_figure import space_figure

        return space_figure(self.view())

    def plot_tail(self) -> Figure:
        """The training set's conductivities (mS/cm) before the campaign and now."""
        from saltloop.loop.notebook.figures import tail_figure

        return tail_figure(self.view())

    def plot_calibration(self) -> Figure:
        """Share of results inside each predicted interval, and deviations beside a normal curve."""
        from saltloop.loop.notebook.figures import calibration_figure

        return calibration_figure(self.view())

    def view(self) -> View:
        """Everything that the report shows, as plain data (``saltloop.loop.reports.view_types.View``)."""
        from saltloop.loop.reports.view import view

        campaign = self._read()
        return view(campaign, self._known_of(campaign))
