"""How a campaign decides: fit the surrogate, propose a batch. Everything it returns goes into the state file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.acquisition.neighbours import Neighbours
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import content_hash
from saltloop.loop.warm_start import CAMPAIGN_PREFIX, is_simulation, load_known

if TYPE_CHECKING:
    from saltloop.loop.acquisition.choose import Chosen
    from saltloop.loop.acquisition.feasibility import Feasibility
    from saltloop.loop.sources.discrepancy import Discrepancy
    from saltloop.surrogates.encoding import FormulationEncoder
    from saltloop.surrogates.factory import ConductivityModel, Surrogate

Progress = Callable[[int, int], None]

#: Measured formulations within this many kelvin of the campaign's temperature count as measured in its space.
SAME_TEMPERATURE_K = 2.0
N_BASELINE = 20
N_ALTERNATIVES = 5


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
    """The MFNet ensemble with a Gaussian-process residual, and BoTorch acquisition over the candidate space."""

    def __init__(self, campaign: Campaign) -> None:
        self._models = campaign.folder / "models"
        self._species = campaign.species
        self._settings = campaign.settings
        self._known: tuple[Measurement, ...] | None = None
        self._earlier_simulations: tuple[Measurement, ...] = ()
        self._known_hash = ""
        self._loaded: tuple[str, Surrogate] | None = None

    def known_measurements(self) -> tuple[Measurement, ...]:
        """The conductivities of the campaign's data sets, in mS/cm."""
        if self._known is None:
            found = [
                (m.in_unit("mS/cm"), name.startswith(CAMPAIGN_PREFIX) and is_simulation(m))
                for name in self._settings.data
                for m in load_known(name, self._species)
                if m.quantity == "conductivity"
            ]
            if not found:
                raise CampaignError(f"The data sets {list(self._settings.data)} hold no conductivity to learn from.")
            self._known = tuple(m for m, is_simulated in found if not is_simulated)
            self._earlier_simulations = tuple(m for m, is_simulated in found if is_simulated)
            self._known_hash = _rows_hash([m for m, _ in found])
        return self._known

    def _results(self, campaign: Campaign) -> list[Measurement]:
        """Conductivities in mS/cm, not yet made experiment-equivalent: its own, and earlier campaigns' simulated."""
        self.known_measurements()
        return [*self._earlier_simulations, *(m.in_unit("mS/cm") for m in campaign.measurements())]

    def has_model(self, campaign: Campaign) -> bool:
        return bool(campaign.record.fits) and self._weights(campaign.record.fits[-1]["weights_sha256"]).exists()

    def fit(self, campaign: Campaign, *, iteration: int, progress: Progress | None = None) -> dict[str, Any]:
        seed = campaign.seed(iteration, "surrogate")
        return self._fit_on(self._results(campaign), seed=seed, iteration=iteration, progress=progress)

    def refit(self, campaign: Campaign, fit: dict[str, Any], progress: Progress | None = None) -> dict[str, Any]:
        used = set(fit["measurement_ids"])
        results = [m for m in self._results(campaign) if m.measurement_id in used]
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
        from saltloop.loop.acquisition.choose import choose_batch
        from saltloop.loop.acquisition.feasibility import Feasibility
        from saltloop.loop.acquisition.objective_models import objectives_of
        from saltloop.loop.acquisition.replicates import noise_of_one_more
        from saltloop.loop.sources.of_campaign import assign_sources, describe_prices, n_prospects
        from saltloop.loop.space.candidate_space import CandidateSpace

        space = CandidateSpace(campaign.settings.space, campaign.species)
        results = self._results(campaign)
        discrepancy = self.discrepancy(results)
        observations = discrepancy.as_experiments(results)
        surrogate = self._surrogate(campaign)
        model = surrogate.model(observations)
        record = campaign.record
        pending = [campaign.formulation(candidate.candidate_id) for candidate in record.open_candidates()]
        feasibility = Feasibility.learn(campaign, surrogate.encoder)
        measured = frozenset(m.formulation.formulation_id for m in (*observations, *self.known_measurements()))
        seed = campaign.seed(iteration, "acquisition")
        baseline = self._baseline(space, observations, all_own=bool(campaign.settings.objectives))
        decision = choose_batch(
            model,
            surrogate.encoder,
            space,
            campaign.settings.acquisition,
            n=n_prospects(campaign, n, is_for_lab=is_for_lab),
            baseline=baseline,
            pending=pending,
            known_ids=record.spent() | measured,
            seed=seed,
            feasibility=feasibility,
            objectives=objectives_of(
                campaign.settings, model, surrogate.encoder, space, lambda name: self._known_of(campaign, name)
            ),
            noise=noise_of_one_more(results, observations),
            progress=progress,
        )
        known = (*self.known_measurements(), *results)
        batch, passed = assign_sources(
            campaign,
            decision,
            model,
            surrogate.encoder,
            discrepancy,
            n=n,
            known=known,
            baseline=baseline,
            is_for_lab=is_for_lab,
        )
        neighbours = Neighbours(surrogate.encoder, known)
        fit = record.fits[-1]

        def entry(one: Chosen) -> dict[str, Any]:
            return _entry(one, neighbours, model, surrogate.encoder, feasibility)

        return {
            "acquisition": campaign.settings.acquisition.model_dump(mode="json"),
            "candidates": [{**entry(one), **source} for one, source in batch],
            "alternatives": [entry(one) for one in (*passed, *decision.alternatives)[:N_ALTERNATIVES]],
            "n_screened": decision.n_screened,
            "n_baseline": decision.n_baseline,
            "outlook": decision.outlook,
            "sources": [dataclasses.asdict(summary) for summary in discrepancy.summaries()],
            "front": list(decision.front),
            "notes": [
                *decision.notes,
                *discrepancy.describe(),
                *describe_prices(campaign),
                *([feasibility.describe()] if feasibility else []),
            ],
            "seed": seed,
            "hashes": {
                "training_set": _rows_hash((*self.known_measurements(), *results)),
                "model": fit["weights_sha256"],
                "settings": content_hash(record.settings),
            },
        }

    def predict(self, campaign: Campaign, formulations: Sequence[Formulation]) -> list[dict[str, Any]]:
        """Also the ends of the 95 % interval (mS/cm), and why a formulation is ``unfamiliar``, if it is."""
        observations = self._as_experiments(self._results(campaign))
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
        return surrogate.model(self._as_experiments(self._results(campaign))), surrogate.encoder

    def nearest_known(self, campaign: Campaign, formulation: Formulation) -> list[dict[str, Any]]:
        """The measured formulations most like this one."""
        known = (*self.known_measurements(), *self._results(campaign))
        return Neighbours(self._surrogate(campaign).encoder, known).of(formulation)

    def _fit_on(
        self, results: Sequence[Measurement], *, seed: int, iteration: int, progress: Progress | None
    ) -> dict[str, Any]:
        from saltloop.surrogates.factory import new_surrogate

        rows = [*self.known_measurements(), *self._as_experiments(results)]
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
            "data_sha256": self._known_hash,
            "training_set_sha256": _rows_hash((*self.known_measurements(), *results)),
            "weights_sha256": weights,
        }

    def _surrogate(self, campaign: Campaign) -> Surrogate:
        fit = campaign.record.fits[-1]
        weights = fit["weights_sha256"]
        self.known_measurements()
        if fit["data_sha256"] != self._known_hash:
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

    def discrepancy(self, results: Sequence[Measurement]) -> Discrepancy:
        """How each source of the campaign's results differs from experiment."""
        from saltloop.loop.sources.discrepancy import Discrepancy

        return Discrepancy.fit(results, self.known_measurements())

    def _as_experiments(self, results: Sequence[Measurement]) -> list[Measurement]:
        return self.discrepancy(results).as_experiments(results)

    def _known_of(self, campaign: Campaign, quantity: str) -> list[Measurement]:
        """What the data sets and the campaign hold of a quantity."""
        sets = (m for name in self._settings.data for m in load_known(name, self._species) if m.quantity == quantity)
        return [*sets, *campaign.measurements(quantity)]

    def _baseline(self, space: Any, observations: Sequence[Measurement], *, all_own: bool = False) -> list[Formulation]:
        """The best measured formulations made of the space's species at its temperature; ``all_own``: and all others
        that the campaign has measured."""
        salts = {salt.name for salt in space.salts}
        solvents = {solvent.name for solvent in space.solvents}
        best: dict[str, tuple[float, Formulation]] = {}
        for measurement in (*self.known_measurements(), *observations):
            liquid = measurement.formulation
            if (
                set(liquid.molality) <= salts
                and set(liquid.mole_fractions) <= solvents
                and liquid.molality
                and min(abs(space.temperatures_K - liquid.temperature_K)) <= SAME_TEMPERATURE_K
            ):
                best[liquid.formulation_id] = (measurement.value, liquid)
        ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].formulation_id))
        own = {m.formulation.formulation_id for m in observations} if all_own else set()
        return [liquid for k, (_, liquid) in enumerate(ranked) if k < N_BASELINE or liquid.formulation_id in own]

    def _weights(self, sha256: str) -> Path:
        return self._models / f"{sha256}.safetensors"


def _rows_hash(measurements: Sequence[Measurement]) -> str:
    return content_hash(sorted((m.measurement_id, m.value, m.standard_uncertainty) for m in measurements))


def _entry(
    chosen: Any,
    neighbours: Neighbours,
    model: ConductivityModel,
    encoder: FormulationEncoder,
    feasibility: Feasibility | None,
) -> dict[str, Any]:
    formulation = chosen.formulation
    row = encoder.encode([formulation])
    (unfamiliar,) = model.domain.reasons(row, encoder)
    return {
        "formulation": formulation.to_dict(),
        "formulation_id": formulation.formulation_id,
        "text": str(formulation),
        "predicted": {"mean": chosen.mean, "standard_deviation": chosen.standard_deviation, "unit": "mS/cm"},
        "acquisition_value": chosen.acquisition_value,
        "rank": chosen.rank,
        "is_refined": chosen.is_refined,
        "is_replicate": chosen.is_replicate,
        "reason": chosen.reason,
        "objectives": chosen.objectives,
        "nearest_known": neighbours.of(formulation),
        "unfamiliar": list(unfamiliar),
        "probability_feasible": None if feasibility is None else feasibility.probability(row)[0],
    }
