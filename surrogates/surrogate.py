"""The surrogate: fits measurements, gives a joint posterior over formulations, saves and loads itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.surrogates.calibration import (
    ConformalQuantiles,
    ErrorScale,
    conformal_quantiles,
    far_errors,
    fit_scale,
    near_errors,
)
from saltloop.surrogates.checkpoint import (
    complete_checkpoint,
    read_checkpoint,
    recorded_species,
    species_metadata,
    write_checkpoint,
)
from saltloop.surrogates.descriptors import descriptor_table, scan_descriptor_table
from saltloop.surrogates.domain import TrainingDomain
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.ensemble import EnsembleNetwork, TrainingRows, random_held_out, train
from saltloop.surrogates.local import LocalCorrection
from saltloop.surrogates.mfnet import MFNetEnsemble
from saltloop.surrogates.posterior import LatentScale, SurrogateModel
from saltloop.surrogates.scan import ScanEnsemble
from saltloop.surrogates.settings import SurrogateSettings

MIN_ROWS = 10
CHUNK = 4096
LOCAL_TENSORS = ("coordinates", "weights", "salt")


@dataclass(frozen=True)
class Prediction:
    """Conductivity of n formulations in mS/cm."""

    mean: np.ndarray
    std: np.ndarray
    """Standard deviation of the noise-free value."""
    members: np.ndarray
    """members x n, before conditioning on observations."""
    distance: np.ndarray
    """How much of the nearest measured liquid has to be exchanged (``TrainingDomain.distance``)."""
    unfamiliar: tuple[tuple[str, ...], ...]
    """Why each formulation is unlike anything known; empty where it is not."""
    quantiles: ConformalQuantiles

    def interval(self, level: float, noise: float | np.ndarray = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end (mS/cm) of the central interval that holds a share ``level`` of measured values.

        ``noise``: standard uncertainty (mS/cm) of the measurements to come. Widths are conformal: on rows that the
        ensemble had not seen, near what it knew and far from it, intervals held what they promise. No end is below 0.

        Raises:
            ValueError: a level outside 0.05 to 0.99.
        """
        half = self.quantiles.half_width(level, self.distance) * np.hypot(self.std, noise)
        return np.maximum(self.mean - half, 0.0), np.maximum(self.mean + half, 0.0)


@dataclass(frozen=True)
class _Fitted:
    """All that a fit leaves."""

    network: EnsembleNetwork
    scale: ErrorScale
    quantiles: ConformalQuantiles
    latent: LatentScale
    domain: TrainingDomain
    local: LocalCorrection | None
    """None with SCAN's network, which has no such thing."""


class MFNetSurrogate:
    """An ensemble of MFNets with a Gaussian-process residual over their latent features.

    >>> surrogate = MFNetSurrogate(SurrogateSettings(), book, ["LiPF6"], ["EC", "EMC"])
    >>> surrogate.fit(load_literature().measurements, seed=0)
    >>> surrogate.predict([Formulation.parse("1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w)")]).mean
    """

    def __init__(
        self, settings: SurrogateSettings, species: SpeciesBook, salts: Sequence[str], solvents: Sequence[str]
    ) -> None:
        self.settings = settings
        self.encoder = FormulationEncoder(species, salts, solvents)
        self._fitted: _Fitted | None = None

    def fit(
        self,
        measurements: Sequence[Measurement],
        *,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Train on conductivities, each weighed by its uncertainty. Same rows, seed and thread count: same weights.

        Raises:
            DataError: fewer than 10 conductivities.
        """
        conductivities = [m for m in measurements if m.quantity == "conductivity"]
        rows = self._rows(conductivities)
        if len(rows.y) < MIN_ROWS:
            raise DataError(f"{len(rows.y)} conductivities are too few to train on; {MIN_ROWS} are the least.")
        generator = torch.Generator().manual_seed(seed)
        network = self._new_network(self.settings, generator)
        held_out = random_held_out(network.n_members, len(rows.y), self.settings.held_out, generator)
        train(network, rows, self.settings, held_out=held_out, generator=generator, progress=progress)
        n_salts = len(self.encoder.salts)
        members = torch.cat([network(part.float()) for part in rows.X.split(CHUNK)], dim=-1)
        local, left_out = None, torch.zeros_like(rows.y)
        if self.settings.architecture == "physics":
            local, left_out = LocalCorrection.fit(members.mean(0), rows, n_salts)
        near = near_errors(members, rows, held_out, left_out)
        far = far_errors(
            lambda settings: self._new_network(settings, generator),
            rows,
            [m.reference or m.formulation.formulation_id for m in conductivities],
            self.settings,
            n_salts,
            generator,
        )
        scale = fit_scale(near, far)
        self._fitted = _Fitted(
            network,
            scale,
            conformal_quantiles(near, far, scale),
            LatentScale.of(network, rows.X, generator),
            TrainingDomain.of(rows.X, n_salts),
            local,
        )

    def model(self, observations: Sequence[Measurement] = ()) -> SurrogateModel:
        """The BoTorch model, conditioned on observations (conductivities with their uncertainties).

        Raises:
            DataError: the surrogate has not been fitted or loaded.
        """
        fitted = self._trained()
        observed = self._rows([m for m in observations if m.quantity == "conductivity"])
        return SurrogateModel(fitted.network, fitted.scale, fitted.latent, fitted.domain, fitted.local, observed)

    def predict(self, formulations: Sequence[Formulation], observations: Sequence[Measurement] = ()) -> Prediction:
        """Mean, standard deviation and members (mS/cm) for formulations."""
        model = self.model(observations)
        X = self.encoder.encode(formulations)
        mean, std = model.predict_encoded(X)
        with torch.no_grad():
            members = model.network(X.float())
        return Prediction(
            mean.numpy(),
            std.numpy(),
            members.numpy(),
            model.domain.distance(X).numpy(),
            tuple(model.domain.reasons(X, self.encoder)),
            self._trained().quantiles,
        )

    def save(self, path: Path) -> str:
        """Write a checkpoint (safetensors); returns the SHA-256 of the file. The same weights give the same bytes."""
        fitted = self._trained()
        tensors = {f"network.{name}": value for name, value in fitted.network.state_dict().items()}
        tensors |= {"latent.centre": fitted.latent.centre, "latent.width": fitted.latent.width}
        tensors |= {f"domain.{name}": getattr(fitted.domain, name) for name in ("liquids", "low", "high")}
        tensors |= {"quantiles.near": fitted.quantiles.near, "quantiles.far": fitted.quantiles.far}
        if fitted.local is not None:
            tensors |= {f"local.{name}": getattr(fitted.local, name) for name in LOCAL_TENSORS}
        metadata = {
            "settings": self.settings.model_dump(mode="json"),
            **species_metadata(self.encoder.salts, self.encoder.solvents),
            "scale": asdict(fitted.scale),
            "lengthscale": fitted.latent.lengthscale,
        }
        return write_checkpoint(path, tensors, metadata)

    @classmethod
    def load(cls, path: Path, species: SpeciesBook) -> MFNetSurrogate:
        """Read a checkpoint written by ``save``.

        Raises:
            CheckpointError: not a checkpoint of ours, or its species are not those of ``species``.
        """
        tensors, header = read_checkpoint(path)
        with complete_checkpoint(path):
            settings = SurrogateSettings.model_validate(header["settings"])
            names = recorded_species(path, header, species)
            surrogate = cls(settings, species, *names)
            network = surrogate._new_network(settings, torch.Generator())
            state = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
            network.load_state_dict(state)
            local = None
            if "local.weights" in tensors:
                coordinates, weights, salt = (tensors[f"local.{name}"] for name in LOCAL_TENSORS)
                local = LocalCorrection(coordinates, weights, salt, len(names[0]))
            surrogate._fitted = _Fitted(
                network,
                ErrorScale(**header["scale"]),
                ConformalQuantiles(tensors["quantiles.near"], tensors["quantiles.far"]),
                LatentScale(tensors["latent.centre"], tensors["latent.width"], float(header["lengthscale"])),
                TrainingDomain(tensors["domain.liquids"], tensors["domain.low"], tensors["domain.high"], len(names[0])),
                local,
            )
        network.requires_grad_(False)
        return surrogate

    def _trained(self) -> _Fitted:
        if self._fitted is None:
            raise DataError("This surrogate has learned nothing yet; call fit(measurements, seed=...) first.")
        return self._fitted

    def _new_network(self, settings: SurrogateSettings, generator: torch.Generator) -> EnsembleNetwork:
        is_scan = settings.architecture == "scan"
        describe = scan_descriptor_table if is_scan else descriptor_table
        salts = torch.from_numpy(describe(self.encoder.salts)).float()
        solvents = torch.from_numpy(describe(self.encoder.solvents)).float()
        return (ScanEnsemble if is_scan else MFNetEnsemble)(settings, salts, solvents, generator)

    def _rows(self, measurements: Sequence[Measurement]) -> TrainingRows:
        in_mS_cm = [m.in_unit("mS/cm") for m in measurements]
        return TrainingRows(
            X=self.encoder.encode([m.formulation for m in in_mS_cm]),
            y=torch.tensor([m.value for m in in_mS_cm], dtype=torch.double),
            std=torch.tensor([m.standard_uncertainty for m in in_mS_cm], dtype=torch.double),
        )
