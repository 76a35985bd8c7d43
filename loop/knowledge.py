"""What a campaign learns from: the data sets that it names, read once, and its own results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import content_hash
from saltloop.loop.settings import CampaignSettings
from saltloop.loop.warm_start import CAMPAIGN_PREFIX, is_simulation, load_known

if TYPE_CHECKING:
    from saltloop.loop.sources.discrepancy import Discrepancy


class Knowledge:
    """Conductivities in mS/cm, and other quantities where they are asked for."""

    def __init__(self, settings: CampaignSettings, species: SpeciesBook) -> None:
        self._data = settings.data
        self._species = species
        self._known: tuple[Measurement, ...] | None = None
        self._earlier_simulations: tuple[Measurement, ...] = ()
        self._sha256 = ""

    def measurements(self) -> tuple[Measurement, ...]:
        """The conductivities of the data sets, in mS/cm.

        Raises:
            CampaignError: there are none.
            DataError: a data set is not at hand.
        """
        if self._known is None:
            found = [
                (m.in_unit("mS/cm"), name.startswith(CAMPAIGN_PREFIX) and is_simulation(m))
                for name in self._data
                for m in load_known(name, self._species)
                if m.quantity == "conductivity"
            ]
            if not found:
                raise CampaignError(f"The data sets {list(self._data)} hold no conductivity to learn from.")
            self._known = tuple(m for m, is_simulated in found if not is_simulated)
            self._earlier_simulations = tuple(m for m, is_simulated in found if is_simulated)
            self._sha256 = rows_hash([m for m, _ in found])
        return self._known

    @property
    def sha256(self) -> str:
        """Of the data sets' conductivities."""
        self.measurements()
        return self._sha256

    def results(self, campaign: Campaign) -> list[Measurement]:
        """Conductivities in mS/cm, not yet made experiment-equivalent: its own, and earlier campaigns' simulated."""
        self.measurements()
        return [*self._earlier_simulations, *(m.in_unit("mS/cm") for m in campaign.measurements())]

    def of(self, campaign: Campaign, quantity: str) -> list[Measurement]:
        """What the data sets and the campaign hold of a quantity."""
        sets = (m for name in self._data for m in load_known(name, self._species) if m.quantity == quantity)
        return [*sets, *campaign.measurements(quantity)]

    def discrepancy(self, results: Sequence[Measurement]) -> Discrepancy:
        """How each source of the campaign's results differs from experiment."""
        from saltloop.loop.sources.discrepancy import Discrepancy

        return Discrepancy.fit(results, self.measurements())

    def as_experiments(self, results: Sequence[Measurement]) -> list[Measurement]:
        """Results made experiment-equivalent, with the wider uncertainty."""
        return self.discrepancy(results).as_experiments(results)


def rows_hash(measurements: Sequence[Measurement]) -> str:
    """Hash of values and uncertainties, whatever their order."""
    return content_hash(sorted((m.measurement_id, m.value, m.standard_uncertainty) for m in measurements))
