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
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.surrogates.calibration import fit_residual_scale
from saltloop.surrogates.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from saltloop.surrogates.descriptors import descriptor_table
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.ensemble import TrainingRows, train
from saltloop.surrogates.mfnet import MFNetEnsemble
from saltloop.surrogates.posterior import ResidualScale, SurrogateModel
from saltloop.surrogates.settings import SurrogateSettings

MIN_ROWS = 10


@dataclass(frozen=True)
class Prediction:
    """Conductivity of n formulations in mS/cm."""

    mean: np.ndarray
    std: np.ndarray
    """Standard deviation of the noise-free value."""
    members: np.ndarray
    """members x n, before conditioning on observations."""


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
        self._network: MFNetEnsemble | None = None
        self._scale: ResidualScale | None = None

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
        rows = self._rows([m for m in measurements if m.quantity == "conductivity"])
        if len(rows.y) < MIN_ROWS:
            raise DataError(f"{len(rows.y)} conductivities are too few to train on; {MIN_ROWS} are the least.")
        generator = torch.Generator().manual_seed(seed)
        network = self._new_network(generator)
        held_out = train(network, rows, self.settings, generator=generator, progress=progress)
        self._scale, self._centre, self._spread = fit_residual_scale(network, rows, held_out, generator)
        self._network = network

    def model(self, observations: Sequence[Measurement] = ()) -> SurrogateModel:
        """The BoTorch model, conditioned on observations (conductivities with their uncertainties).

        Raises:
            DataError: the surrogate has not been fitted or loaded.
        """
        if self._network is None or self._scale is None:
            raise DataError("This surrogate has learned nothing yet; call fit(measurements, seed=...) first.")
        observed = self._rows([m for m in observations if m.quantity == "conductivity"])
        return SurrogateModel(self._network, self._scale, self._centre, self._spread, observed)

    def predict(self, formulations: Sequence[Formulation], observations: Sequence[Measurement] = ()) -> Prediction:
        """Mean, standard deviation and members (mS/cm) for formulations."""
        model = self.model(observations)
        X = self.encoder.encode(formulations)
        mean, std = model.predict_encoded(X)
        with torch.no_grad():
            members = model.network(X.float())
        return Prediction(mean.numpy(), std.numpy(), members.numpy())

    def save(self, path: Path) -> str:
        """Write a checkpoint (safetensors); returns the SHA-256 of the file. The same weights give the same bytes."""
        if self._network is None or self._scale is None:
            raise DataError("There is nothing to save; call fit(measurements, seed=...) first.")
        tensors = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {"latent.centre": self._centre, "latent.spread": self._spread}
        metadata = {
            "settings": self.settings.model_dump(mode="json"),
            "salts": [_identity(salt) for salt in self.encoder.salts],
            "solvents": [_identity(solvent) for solvent in self.encoder.solvents],
            "scale": asdict(self._scale),
        }
        return write_checkpoint(path, tensors, metadata)

    @classmethod
    def load(cls, path: Path, species: SpeciesBook) -> MFNetSurrogate:
        """Read a checkpoint written by ``save``.

        Raises:
            CheckpointError: not a checkpoint of ours, or its species are not those of ``species``.
        """
        tensors, header = read_checkpoint(path)
        try:
            settings = SurrogateSettings.model_validate(header["settings"])
            _check_species(path, header["salts"], species.salt)
            _check_species(path, header["solvents"], species.solvent)
            names = [[entry["name"] for entry in header[kind]] for kind in ("salts", "solvents")]
            surrogate = cls(settings, species, *names)
            network = surrogate._new_network(torch.Generator())
            state = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
            network.load_state_dict(state)
            surrogate._scale = ResidualScale(**header["scale"])
            surrogate._centre, surrogate._spread = tensors["latent.centre"], tensors["latent.spread"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{path} does not hold what a checkpoint must ({error}); train again.") from None
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        surrogate._network = network
        return surrogate

    def _new_network(self, generator: torch.Generator) -> MFNetEnsemble:
        salts = torch.from_numpy(descriptor_table(self.encoder.salts)).float()
        solvents = torch.from_numpy(descriptor_table(self.encoder.solvents)).float()
        return MFNetEnsemble(self.settings, salts, solvents, generator)

    def _rows(self, measurements: Sequence[Measurement]) -> TrainingRows:
        in_mS_cm = [m.in_unit("mS/cm") for m in measurements]
        return TrainingRows(
            X=self.encoder.encode([m.formulation for m in in_mS_cm]),
            y=torch.tensor([m.value for m in in_mS_cm], dtype=torch.double),
            std=torch.tensor([m.standard_uncertainty for m in in_mS_cm], dtype=torch.double),
        )


def _identity(species: Species) -> dict[str, str]:
    return {"name": species.name, "inchikey": species.inchikey}


def _check_species(path: Path, recorded: list[dict[str, str]], look_up: Callable[[str], Species]) -> None:
    for entry in recorded:
        found = look_up(entry["name"])
        if found.inchikey != entry["inchikey"]:
            raise CheckpointError(
                f"{path} was trained with {entry['name']!r} as {entry['inchikey']}, which is {found.inchikey} here; "
                "train again, or give your species another name."
            )
