"""The surrogate for few data: ``surrogate: {architecture: gp}``. Same interface as ``MFNetSurrogate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.surrogates.calibration import ConformalQuantiles
from saltloop.surrogates.checkpoint import (
    complete_checkpoint,
    read_checkpoint,
    recorded_species,
    species_metadata,
    write_checkpoint,
)
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.law_gp import ConductivityLaw, LawGP, MixtureFeatures
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import Prediction

MIN_ROWS, MAX_ROWS = 3, 2000


class GPSurrogate:
    """A Gaussian process whose prior is a conductivity law (``law_gp``), for 3 to 2,000 conductivities."""

    def __init__(
        self, settings: SurrogateSettings, species: SpeciesBook, salts: Sequence[str], solvents: Sequence[str]
    ) -> None:
        self.settings = settings
        self.encoder = FormulationEncoder(species, salts, solvents)
        self._law: ConductivityLaw | None = None
        self._extra_noise = 0.0
        self._rows: dict[str, tuple[torch.Tensor, float, float]] = {}

    def fit(
        self,
        measurements: Sequence[Measurement],
        *,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Fit the hyperparameters. Nothing is random: ``seed`` is taken for the interface's sake.

        Raises:
            DataError: fewer than 3 conductivities, or more than an exact Gaussian process can take.
        """
        rows = self._encoded(measurements)
        if not MIN_ROWS <= len(rows) <= MAX_ROWS:
            raise DataError(
                f"{len(rows)} conductivities; 'surrogate: {{architecture: gp}}' takes {MIN_ROWS} to {MAX_ROWS:,}. "
                "Leave architecture out to train the ensemble of networks on more."
            )
        law = ConductivityLaw(MixtureFeatures(self.encoder))
        model = self._conditioned(law, rows, None)
        model.fit()
        if progress:
            progress(1, 1)
        self._law, self._extra_noise, self._rows = law, model.extra_noise, rows

    def model(self, observations: Sequence[Measurement] = ()) -> LawGP:
        """The BoTorch model, conditioned on the rows of the fit and on observations that were not among them.

        Raises:
            DataError: the surrogate has not been fitted or loaded.
        """
        if self._law is None:
            raise DataError("This surrogate has learned nothing yet; call fit(measurements, seed=...) first.")
        model = self._conditioned(self._law, self._rows | self._encoded(observations), self._extra_noise)
        return model.requires_grad_(False).eval()

    def predict(self, formulations: Sequence[Formulation], observations: Sequence[Measurement] = ()) -> Prediction:
        """Mean, standard deviation (mS/cm) and normal intervals for formulations; it has one member, itself."""
        model = self.model(observations)
        X = self.encoder.encode(formulations)
        mean, std = model.predict_encoded(X)
        return Prediction(
            mean.numpy(),
            std.numpy(),
            mean.numpy()[None],
            model.domain.distance(X).numpy(),
            tuple(model.domain.reasons(X, self.encoder)),
            ConformalQuantiles.normal(),
        )

    def save(self, path: Path) -> str:
        """Write a checkpoint (safetensors): hyperparameters and rows; returns the SHA-256 of the file."""
        model = self.model()
        names = sorted(self._rows)
        tensors = {
            "theta": model.law.theta.detach(),
            "extra_noise": torch.tensor([self._extra_noise], dtype=torch.double),
            "X": torch.stack([self._rows[name][0] for name in names]),
            "y": torch.tensor([self._rows[name][1] for name in names], dtype=torch.double),
            "std": torch.tensor([self._rows[name][2] for name in names], dtype=torch.double),
        }
        metadata = {
            "settings": self.settings.model_dump(mode="json"),
            **species_metadata(self.encoder.salts, self.encoder.solvents),
            "measurement_ids": names,
        }
        return write_checkpoint(path, tensors, metadata)

    @classmethod
    def load(cls, path: Path, species: SpeciesBook) -> GPSurrogate:
        """Read a checkpoint written by ``save``.

        Raises:
            CheckpointError: not a checkpoint of ours, or its species are not those of ``species``.
        """
        tensors, header = read_checkpoint(path)
        with complete_checkpoint(path):
            settings = SurrogateSettings.model_validate(header["settings"])
            surrogate = cls(settings, species, *recorded_species(path, header, species))
            values = zip(tensors["X"], tensors["y"].tolist(), tensors["std"].tolist(), strict=True)
            surrogate._rows = dict(zip(header["measurement_ids"], values, strict=True))
            surrogate._extra_noise = float(tensors["extra_noise"])
            surrogate._law = ConductivityLaw(MixtureFeatures(surrogate.encoder))
            surrogate._law.theta.data.copy_(tensors["theta"])
        return surrogate

    def _encoded(self, measurements: Sequence[Measurement]) -> dict[str, tuple[torch.Tensor, float, float]]:
        """Measurement id -> row, conductivity and standard uncertainty in mS/cm."""
        found = [m.in_unit("mS/cm") for m in measurements if m.quantity == "conductivity"]
        X = self.encoder.encode([m.formulation for m in found])
        return {m.measurement_id: (row, m.value, m.standard_uncertainty) for m, row in zip(found, X, strict=True)}

    @staticmethod
    def _conditioned(
        law: ConductivityLaw, rows: dict[str, tuple[torch.Tensor, float, float]], extra_noise: float | None
    ) -> LawGP:
        ordered = [rows[name] for name in sorted(rows)]
        X = torch.stack([row for row, _, _ in ordered])
        y, std = (torch.tensor([entry[i] for entry in ordered], dtype=torch.double) for i in (1, 2))
        return LawGP(law, X, y, std, extra_noise)
