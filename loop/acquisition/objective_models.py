"""What tells an objective: the surrogate, a Gaussian process on the campaign's own values, descriptors, or a column."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from botorch.exceptions.warnings import InputDataWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.transforms.input import InputTransform
from gpytorch.mlls import ExactMarginalLogLikelihood
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.units import CANONICAL_UNITS
from saltloop.loop.acquisition.objectives import Objective, Objectives, Scale
from saltloop.loop.acquisition.settings import ObjectiveSettings
from saltloop.loop.errors import CampaignError
from saltloop.surrogates.descriptors import DESCRIPTOR_NAMES, descriptor_table
from saltloop.surrogates.encoding import ABSENT, FormulationEncoder
from saltloop.surrogates.quantum import QUANTUM_NAMES, quantum_descriptors
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.loop.settings import CampaignSettings
    from saltloop.loop.space.candidate_space import CandidateSpace

#: Quantities that vary by factors: modelled as logarithms.
LOG_QUANTITIES = frozenset({"viscosity", "diffusion_coefficient"})
#: With fewer values than this the Gaussian process keeps its prior: mean at the reference, and this much of it (of a
#: logarithm: this much) as standard deviation.
FEWEST_VALUES = 5
PRIOR_SHARE, PRIOR_LOG_STD = 0.25, 0.5
#: What the Gaussian process reads of a mixture, beside molality and temperature.
SOLVENT_FEATURES = ("ln_viscosity", "ln_permittivity", "ln_molar_volume", "melting_point", "li_binding_kJ_mol")
SALT_FEATURES = ("ln_vdw_volume", "li_binding_kJ_mol")
MOLALITY_SCALE, TEMPERATURE_SCALE_K, DESCRIPTOR_SCALE = 2.0, 100.0, 4.0
#: Variance (in the model's scale) of a row that stands for no data at all.
NOTHING_KNOWN = 1e6

ColumnValues = Callable[[np.ndarray], np.ndarray]


class MixtureFeatures(InputTransform, torch.nn.Module):
    """Encoded rows to molality, temperature, and the mean descriptors of solvents and salts: ... x 9."""

    def __init__(self, encoder: FormulationEncoder) -> None:
        super().__init__()
        self.transform_on_train = self.transform_on_eval = self.transform_on_fantasize = True
        self.encoder = encoder
        self.solvents = _columns(encoder.solvents, SOLVENT_FEATURES)
        self.salts = _columns(encoder.salts, SALT_FEATURES)

    def transform(self, X: Tensor) -> Tensor:
        salts, solvents = X[..., self.encoder.salt_slice], X[..., self.encoder.solvent_slice]
        molality = salts.sum(-1, keepdim=True)
        temperature = X[..., self.encoder.temperature_index].unsqueeze(-1)
        conditions = [molality / MOLALITY_SCALE, (temperature - 298.15) / TEMPERATURE_SCALE_K]
        shares = salts / molality.clamp_min(ABSENT)
        return torch.cat([*conditions, solvents @ self.solvents, shares @ self.salts], dim=-1)


def build_objectives(
    wanted: Sequence[ObjectiveSettings],
    conductivity: Any,
    encoder: FormulationEncoder,
    *,
    measurements: Mapping[str, Sequence[Measurement]],
    column: Callable[[str], ColumnValues],
    offered: Sequence[str],
) -> Objectives:
    """The objectives of a campaign file; conductivity alone where it names none.

    Args:
        conductivity: model of the conductivity (mS/cm) with ``predict_encoded``.
        measurements: what is known of each other quantity.
        column: the values of a column of the space at encoded rows (n x dim).
        offered: names of the solvents that the space offers.

    Raises:
        CampaignError: an objective that cannot be told for the space's species; says which and what to do.
    """
    if not wanted:
        return Objectives.conductivity_alone(conductivity)
    items, notes = [], []
    for one in wanted:
        if one.column is not None:
            items.append(Objective(one, _deterministic(_column_model(column(one.column)))))
        elif one.quantity == "conductivity":
            items.append(Objective(one, conductivity))
        elif one.quantity == "oxidation_potential":
            items.append(Objective(one, _deterministic(_oxidation(encoder, offered))))
        else:
            objective, note = _measured(one, encoder, measurements.get(one.name, ()))
            items.append(objective)
            notes += [note] if note else []
    return Objectives(tuple(items), conductivity, tuple(notes))


def objectives_of(
    settings: CampaignSettings,
    conductivity: Any,
    encoder: FormulationEncoder,
    space: CandidateSpace,
    measurements: Callable[[str], Sequence[Measurement]],
) -> Objectives:
    """The objectives of a campaign; ``measurements``: what is known of a quantity."""
    return build_objectives(
        settings.objectives,
        conductivity,
        encoder,
        measurements={one.name: measurements(one.name) for one in settings.objectives if one.quantity is not None},
        column=lambda name: column_values(space, encoder, name),
        offered=[solvent.name for solvent in space.solvents],
    )


def _measured(
    wanted: ObjectiveSettings, encoder: FormulationEncoder, rows: Sequence[Measurement]
) -> tuple[Objective, str]:
    """A Gaussian process on the values of a quantity, and a note where there are too few to learn from."""
    unit, is_log = CANONICAL_UNITS[wanted.name], wanted.name in LOG_QUANTITIES
    rows = [row.in_unit(unit) for row in sorted(rows, key=lambda row: row.measurement_id)]
    rows = [row for row in rows if row.value > 0 or not is_log]
    y = [float(np.log(row.value)) if is_log else row.value for row in rows]
    noise = [row.standard_uncertainty / row.value if is_log else row.standard_uncertainty for row in rows]
    is_fitted = len(rows) >= FEWEST_VALUES
    if is_fitted:
        scale = Scale(fmean(y), max(pstdev(y), 1e-6), is_log)
    else:
        if is_log and wanted.reference <= 0:
            raise CampaignError(
                f"objectives: the reference of {wanted.name} is {wanted.reference:g}; it must be above 0."
            )
        centre = float(np.log(wanted.reference)) if is_log else wanted.reference
        scale = Scale(centre, PRIOR_LOG_STD if is_log else PRIOR_SHARE * abs(centre) or 1.0, is_log)
    gp = _process(encoder, rows, [(v - scale.centre) / scale.width for v in y], [s / scale.width for s in noise])
    if is_fitted:
        fit_gpytorch_mll(ExactMarginalLogLikelihood(gp.likelihood, gp))
    note = (
        f"{wanted.name}: {len(rows)} measured value(s), fewer than {FEWEST_VALUES}; until then it is believed to lie "
        f"near its reference of {wanted.reference:g} {unit}, whatever the liquid"
    )
    return Objective(wanted, gp.eval(), scale), "" if is_fitted else note


def _process(
    encoder: FormulationEncoder, rows: Sequence[Measurement], y: Sequence[float], noise: Sequence[float]
) -> SingleTaskGP:
    if rows:
        X = encoder.encode([row.formulation for row in rows])
        Y, variance = torch.tensor(y, dtype=torch.double), torch.tensor(noise, dtype=torch.double) ** 2
    else:
        X = torch.zeros(1, encoder.dim, dtype=torch.double)
        Y, variance = torch.zeros(1, dtype=torch.double), torch.full((1,), NOTHING_KNOWN, dtype=torch.double)
    with warnings.catch_warnings():
        # The features are scaled once and for all, not to the rows at hand.
        warnings.simplefilter("ignore", InputDataWarning)
        return SingleTaskGP(
            X,
            Y.unsqueeze(-1),
            variance.clamp_min(1e-6).unsqueeze(-1),
            outcome_transform=None,
            input_transform=MixtureFeatures(encoder),
        )


def _oxidation(encoder: FormulationEncoder, offered: Sequence[str]) -> Callable[[Tensor], Tensor]:
    """Minus the HOMO energy (eV) of the solvent that gives its electron most easily: ... x dim to ...."""
    homo = quantum_descriptors(encoder.solvents)[:, QUANTUM_NAMES.index("homo_eV")]
    unknown = [s.name for s, value in zip(encoder.solvents, homo, strict=True) if s.name in offered and np.isnan(value)]
    if unknown:
        raise CampaignError(
            f"oxidation_potential: no orbital energy is known of {', '.join(unknown)}. Compute it with 'saltloop "
            "descriptors', or leave the solvent out of the space."
        )
    energies = torch.from_numpy(-homo)

    def weakest(X: Tensor) -> Tensor:
        present = X[..., encoder.solvent_slice] > ABSENT
        return torch.where(present, energies, torch.inf).amin(-1)

    return weakest


def column_values(space: CandidateSpace, encoder: FormulationEncoder, name: str) -> ColumnValues:
    """What works a column or an expression out for encoded rows of the space's species: n x dim to n.

    A column of the user's own counts all salts and solvents by mass: ``cost`` is short for ``overall(cost)``.
    """
    text = f"overall({name})" if name in space.properties.own else name

    def values(rows: np.ndarray) -> np.ndarray:
        found = space.values(text, rows, encoder)
        unknown = np.flatnonzero(np.isnan(found))
        if len(unknown):
            names = np.array(encoder.columns[:-1])[rows[unknown[0], :-1] > ABSENT]
            raise CampaignError(
                f"objectives: {name!r} is not known for a mixture of {', '.join(names)}. Give its values for all "
                "species of the space under 'space.columns', or leave out the species that have none."
            )
        return found

    return values


def _column_model(values: ColumnValues) -> Callable[[Tensor], Tensor]:
    def of(X: Tensor) -> Tensor:
        rows = X.detach().reshape(-1, X.shape[-1]).numpy()
        return torch.tensor(np.array(values(rows), dtype=float)).reshape(X.shape[:-1])

    return of


def _deterministic(values: Callable[[Tensor], Tensor]) -> GenericDeterministicModel:
    return GenericDeterministicModel(lambda X: values(X).unsqueeze(-1))


def _columns(species: Sequence[Any], names: Sequence[str]) -> Tensor:
    table = descriptor_table(species)[:, [DESCRIPTOR_NAMES.index(name) for name in names]]
    return torch.from_numpy(table) / DESCRIPTOR_SCALE
