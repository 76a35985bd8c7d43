"""The mixed optimiser: from a good formulation uphill, by discrete moves and by gradient, until neither helps.

Discrete moves are the space's (another salt, a solvent exchanged, added or removed, one step of a share, concentration
or temperature). Between them BoTorch's ``optimize_acqf`` moves mole fractions, concentration and temperature of the
species at hand: shares sum to 1, and bounds on shares by mass or volume are linear in mole fractions, so that the
optimiser keeps them; what else the space demands is checked afterwards. (BoTorch's ``optimize_acqf_mixed_alternating``
knows discrete values of single columns, not which solvents are present.)
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.exceptions.errors import OptimizationGradientError
from botorch.exceptions.warnings import OptimizationWarning
from botorch.optim import optimize_acqf
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species
from saltloop.loop.acquisition.functions import values
from saltloop.loop.acquisition.rankings import Pool
from saltloop.loop.space.settings import Grid, ShareBounds, SpaceSettings
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

#: Rounds of discrete moves and gradient, and steps of each gradient ascent.
MOST_ROUNDS, GRADIENT_STEPS = 6, 20
#: Decimals of refined amounts: what a person weighs.
DIGITS = 2
#: Where the gradient leads out of the space, so much of the way is tried instead.
PARTS_OF_THE_WAY = (1.0, 0.6, 0.3)
LEAST_GAIN = 1e-6

Linear = tuple[Tensor, Tensor, float]


class Space(Pool, Protocol):
    """A pool that has something between its steps."""

    settings: SpaceSettings

    @property
    def bounds_of_solvent(self) -> dict[Species, ShareBounds]:
        """Bounds of each solvent's share, in the space's basis."""


def climb(
    acquisition: AcquisitionFunction,
    encoder: FormulationEncoder,
    space: Space,
    start: Formulation,
    taken: frozenset[str],
) -> tuple[Formulation, float]:
    """The best formulation found from ``start`` and its value; ``start`` itself where nothing is better.

    Args:
        acquisition: over encoded rows, ``n x 1 x dim``.
        taken: formulation ids that must not be chosen.
    """
    best, value = start, float(values(acquisition, encoder.encode([start]))[0])
    for _ in range(MOST_ROUNDS):
        before = value
        for offers in (_by_gradient, _by_moves):
            found = [f for f in offers(acquisition, encoder, space, best) if f.formulation_id not in taken]
            if not found:
                continue
            worth = values(acquisition, encoder.encode(found))
            index = int(worth.argmax())
            if float(worth[index]) > value + LEAST_GAIN:
                best, value = found[index], float(worth[index])
        if value <= before + LEAST_GAIN:
            break
    return best, value


def _by_moves(
    acquisition: AcquisitionFunction, encoder: FormulationEncoder, space: Space, at: Formulation
) -> Sequence[Formulation]:
    return space.neighbours(at)


def _by_gradient(
    acquisition: AcquisitionFunction, encoder: FormulationEncoder, space: Space, at: Formulation
) -> Sequence[Formulation]:
    region = Region.around(space, encoder, at)
    if region is None:
        return []
    x0 = encoder.encode([at])
    with warnings.catch_warnings():
        # A flat or noisy spot ends the ascent early; whether it helped is seen from the values.
        warnings.simplefilter("ignore", OptimizationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            found, _ = optimize_acqf(
                acquisition,
                bounds=region.bounds,
                q=1,
                num_restarts=1,
                batch_initial_conditions=x0.unsqueeze(0),
                fixed_features=region.fixed,
                equality_constraints=region.equalities or None,
                inequality_constraints=region.inequalities or None,
                options={"maxiter": GRADIENT_STEPS},
            )
        except OptimizationGradientError:
            return []  # Nothing to climb along here; the discrete moves go on.
    for part in PARTS_OF_THE_WAY:
        end = space.as_weighed(x0[0] + part * (found[0] - x0[0]), encoder, digits=DIGITS)
        if space.contains(end):
            return [end]
    return []


@dataclass(frozen=True)
class Region:
    """What may move continuously around a formulation, with its species kept: bounds and linear constraints on rows."""

    bounds: Tensor
    """2 x dim."""
    fixed: dict[int, float]
    equalities: list[Linear]
    inequalities: list[Linear]

    @classmethod
    def around(cls, space: Space, encoder: FormulationEncoder, at: Formulation) -> Region | None:
        """The region of a formulation; None where nothing may move."""
        settings, row = space.settings, encoder.encode([at])[0]
        bounds = torch.stack([row, row])
        column = {name: index for index, name in enumerate(encoder.columns)}
        solvents, salts = (
            [column[solvent.name] for solvent, _ in at.solvent_shares(settings.basis)],
            [column[name] for name in at.molality],
        )
        equalities: list[Linear] = []
        inequalities: list[Linear] = []
        moving: list[int] = []
        if len(solvents) > 1:
            moving += solvents
            bounds[:, solvents] = torch.tensor([[0.0], [1.0]], dtype=torch.double)
            equalities.append((torch.tensor(solvents), torch.ones(len(solvents), dtype=torch.double), 1.0))
            inequalities += _share_bounds(space, at, solvents)
        if isinstance(settings.concentration, Grid) and salts:
            moving += salts
            _concentration_bounds(settings, settings.concentration, at, salts, bounds, inequalities)
        if isinstance(settings.temperatures_K, Grid):
            moving.append(encoder.temperature_index)
            limits = [settings.temperatures_K.min, settings.temperatures_K.max]
            bounds[:, encoder.temperature_index] = torch.tensor(limits, dtype=torch.double)
        if not moving:
            return None
        fixed = {index: float(row[index]) for index in range(encoder.dim) if index not in moving}
        return cls(bounds, fixed, equalities, inequalities)


def _share_bounds(space: Space, at: Formulation, solvents: Sequence[int]) -> list[Linear]:
    """``low <= c_i x_i / sum(c x) <= high`` with mole fractions x; c: mass (or volume) of a mole, up to a factor."""
    shares = dict(at.solvent_shares(space.settings.basis))
    present = [(solvent, at.mole_fractions[solvent.name]) for solvent in shares]
    c = torch.tensor([shares[solvent] / moles for solvent, moles in present], dtype=torch.double)
    c = c / c.mean()
    found: list[Linear] = []
    for index, (solvent, _) in enumerate(present):
        limits = space.bounds_of_solvent[solvent]
        own = torch.zeros(len(present), dtype=torch.double)
        own[index] = c[index]
        found.append((torch.tensor(solvents), own - limits.min * c, 0.0))
        if limits.max < 1:
            found.append((torch.tensor(solvents), limits.max * c - own, 0.0))
    return found


def _concentration_bounds(
    settings: SpaceSettings,
    grid: Grid,
    at: Formulation,
    salts: Sequence[int],
    bounds: Tensor,
    inequalities: list[Linear],
) -> None:
    """The total within the grid; two salts with at least the least share each."""
    total = sum(at.molality.values())
    unit = settings.concentration_units[0] if len(settings.concentration_units) == 1 else at.concentration_unit
    stated = sum(value for _, value in at.salt_concentrations(unit))
    # Exact for mol/kg; for mol/L near enough to start from, and the space has the last word.
    low, high = grid.min * total / stated, grid.max * total / stated
    if len(salts) == 1:
        bounds[:, salts[0]] = torch.tensor([low, high], dtype=torch.double)
        return
    bounds[:, list(salts)] = torch.tensor([[0.0], [high]], dtype=torch.double)
    index, ones = torch.tensor(list(salts)), torch.ones(len(salts), dtype=torch.double)
    inequalities.append((index, ones, low))
    inequalities.append((index, -ones, -high))
    for position in range(len(salts)):
        own = torch.zeros(len(salts), dtype=torch.double)
        own[position] = 1.0
        inequalities.append((index, own - settings.salt_fraction_step * ones, 0.0))
