"""How a campaign decides: fit the surrogate, propose a batch. Everything it returns goes into the state file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.acquisition.neighbours import Neighbours
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.knowledge import Knowledge, rows_hash

if TYPE_CHECKING:
    from saltloop.loop.sources.discrepancy import Discrepancy
    from saltloop.surrogates.encoding import FormulationEncoder
    from saltloop.surrogates.factory import ConductivityModel, Surrogate

Progress = Callable[[int, int], None]


class Strategy(Protocol):
    """What the controller needs to decide. Stateless: given the same campaign record, the same answers."""

    def has_model(self, campaign: Campaign) -> bool:
        """Whether the last recorded fit's weights are at hand."""

    def fit(self, campaign: Campaign, *, iteration: int, progress: Progress | None = None) -> dict[str, Any]:
        """Fit the surrogate; the data of a ``surrogate_fitted`` event."""

    def refit(self, campaign: Campaign, fit: dict[str, Any], progress: Progress | None = None) -> dict[str, Any]:
        """Repeat a recorded fit from the same rows and seed."""

    def propose(
        self,
        campaign: Campaign,
        *,
        iteration: int,
        n: int,
        is_for_lab: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Choose ``n`` formulations, for the lab alone or whatever oracle is worth its cost.

        Returns the data of a ``batch_proposed`` event without ids.
        """

    def predict(self, campaign: Campaign, formulations: Sequence[Formulation]) -> list[dict[str, Any]]:
        """Mean and standard deviation (mS/cm) after everything the campaign has learned, and what else is known."""


class SurrogateStrategy:
    """The surrogate of the campaign's settings (an MFNet ensemble, unless told otherwise), and BoTorch acquisition."""

    def __init__(self, campaign: Campaign) -> None:
        self._models = campaign.folder / "models"
        self._species = campaign.species
        self._settings = campaign.settings
        self._knowledge = Knowledge(campaign.settings, campaign.species)
        self._loaded: tuple[str, Surrogate] | None = None

    def known_measurements(self) -> tuple[Measurement, ...]:
        """The conductivities of the campaign's data sets, in mS/cm."""
        return self._knowledge.measurements()

    def discrepancy(self, results: Sequence[Measurement]) -> Discrepancy:
        """How each source of the campaign's results differs from experiment."""
        return self._knowledge.discrepancy(results)

    def has_model(self, campaign: Campaign) -> bool:
        """Whether the last fit's weights are at hand, whole, and of a network that this saltloop has."""
        fits = campaign.record.fits
        path = self._weights(fits[-1]["weights_sha256"]) if fits else None
        if path is None or not path.exists():
            return False
        if self._loaded is not None and self._loaded[0] == path.stem:
            return True
        from saltloop.surrogates.checkpoint import is_outdated

        return hashlib.sha256(path.read_bytes()).hexdigest() == path.stem and not is_outdated(path)

    def fit(self, campaign: Campaign, *, iteration: int, progress: Progress | None = None) -> dict[str, Any]:
        seed = campaign.seed(iteration, "surrogate")
        return self._fit_on(self._knowledge.results(campaign), seed=seed, iteration=iteration, progress=progress)

    def refit(self, campaign: Campaign, fit: dict[str, Any], progress: Progress | None = None) -> dict[str, Any]:
        used = set(fit["measurement_ids"])
        results = [m for m in self._knowledge.results(campaign) if m.measurement_id in used]
        return self._fit_on(results, seed=fit["seed"], iteration=fit["iteration"], progress=progress)

    def propose(
        self,
        campaign: Campaign,
        *,
        iteration: int,
        n: int,
        is_for_lab: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        from saltloop.loop.proposing import propose

        surrogate = self._surrogate(campaign)
        how: dict[str, Any] = {"iteration": iteration, "n": n, "is_for_lab": is_for_lab, "progress": progress}
        return propose(campaign, self._knowledge, surrogate, **how)

    def predict(self, campaign: Campaign, formulations: Sequence[Formulation]) -> list[dict[str, Any]]:
        """Also the ends of the 95 % interval (mS/cm), and why a formulation is ``unfamiliar``, if it is."""
        observations = self._knowledge.as_experiments(self._knowledge.results(campaign))
        prediction = self._surrogate(campaign).predict(formulations, observations)
        low, high = prediction.interval(0.95)
        return [
            {
                "mean": float(mean),
                "standard_deviation": float(std),
                "interval_95": [float(lower), float(upper)],
                "unfamiliar": list(reasons),
            }
            for mean, std, lower, upper, reasons in zip(
                prediction.mean, prediction.std, low, high, prediction.unfamiliar, strict=True
            )
        ]

    def model(self, campaign: Campaign) -> tuple[ConductivityModel, FormulationEncoder]:
        """The posterior after everything the campaign has learned, and the encoder of its rows."""
        surrogate = self._surrogate(campaign)
        results = self._knowledge.results(campaign)
        return surrogate.model(self._knowledge.as_experiments(results)), surrogate.encoder

    def nearest_known(self, campaign: Campaign, formulation: Formulation) -> list[dict[str, Any]]:
        """The measured formulations most like this one."""
        known = (*self.known_measurements(), *self._knowledge.results(campaign))
        return Neighbours(self._surrogate(campaign).encoder, known).of(formulation)

    def _fit_on(
        self, results: Sequence[Measurement], *, seed: int, iteration: int, progress: Progress | None
    ) -> dict[str, Any]:
        from saltloop.surrogates.factory import new_surrogate

        rows = [*self.known_measurements(), *self._knowledge.as_experiments(results)]
        surrogate = new_surrogate(
            self._settings.surrogate,
            self._species,
            [salt.name for salt in self._species.salts],
            [solvent.name for solvent in self._species.solvents],
        )
        surrogate.fit(rows, seed=seed, progress=progress)
        self._models.mkdir(parents=True, exist_ok=True)
        unnamed = self._models / f"unnamed-{os.getpid()}.safetensors"
        weights = surrogate.save(unnamed)
        os.replace(unnamed, self._weights(weights))
        self._loaded = (weights, surrogate)
        return {
            "iteration": iteration,
            "seed": seed,
            "n_rows": len(rows),
            "measurement_ids": sorted(m.measurement_id for m in results),
            "data_sha256": self._knowledge.sha256,
            "training_set_sha256": rows_hash((*self.known_measurements(), *results)),
            "weights_sha256": weights,
        }

    def _surrogate(self, campaign: Campaign) -> Surrogate:
        if not campaign.record.fits:
            raise CampaignError(
                f"The campaign '{campaign.settings.name}' has no surrogate yet; 'saltloop run' and 'saltloop ask' "
                "train one."
            )
        fit = campaign.record.fits[-1]
        weights = fit["weights_sha256"]
        if fit["data_sha256"] != self._knowledge.sha256:
            raise CampaignError(
                f"The data sets {list(self._settings.data)} are not what they were when the surrogate was trained: a "
                "file or an earlier campaign's record was edited, or another saltloop reads it differently. Put it "
                "back, or start a new campaign under a new name."
            )
        if self._loaded is None or self._loaded[0] != weights:
            from saltloop.surrogates.factory import load_surrogate

            path = self._weights(weights)
            if not path.exists():
                raise CampaignError(f"The model weights {path} are gone; 'saltloop run' trains them again.")
            self._loaded = (weights, load_surrogate(path, self._species))
        return self._loaded[1]

    def _weights(self, sha256: str) -> Path:
        return self._models / f"{sha256}.safetensors"
