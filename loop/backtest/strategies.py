"""Strategies that a backtest can replay: the campaign's own surrogate and acquisition, and random search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.backtest.listed import ListedPool
from saltloop.surrogates.settings import SurrogateSettings

#: A row of the start data this near to a liquid of the pool (mole fractions and mol/kg, any temperature) tells of it.
SAME_FRACTION, SAME_MOLALITY = 0.02, 0.05


@dataclass(frozen=True)
class RandomStrategy:
    """Any liquid that is not measured yet."""

    def choose(
        self, formulations: Sequence[Formulation], measured: Mapping[int, Measurement], *, n: int, seed: int
    ) -> list[int]:
        rest = np.setdiff1d(np.arange(len(formulations)), list(measured))
        return [int(i) for i in np.random.default_rng(seed).choice(rest, size=n, replace=False)]


@dataclass(frozen=True)
class CampaignStrategy:
    """A campaign's surrogate, trained anew before each batch, and its acquisition over the list.

    ``known``: measurements from outside the pool that training starts with.
    """

    surrogate: SurrogateSettings
    acquisition: AcquisitionSettings
    species: SpeciesBook
    known: tuple[Measurement, ...] = ()

    def choose(
        self, formulations: Sequence[Formulation], measured: Mapping[int, Measurement], *, n: int, seed: int
    ) -> list[int]:
        from saltloop.loop.acquisition.choose import choose_batch
        from saltloop.surrogates.factory import new_surrogate

        salts, solvents = ([one.name for one in kind] for kind in (self.species.salts, self.species.solvents))
        surrogate = new_surrogate(self.surrogate, self.species, salts, solvents)
        observations = list(measured.values())
        surrogate.fit([*self.known, *observations], seed=seed)
        pool = ListedPool(formulations)
        decision = choose_batch(
            surrogate.model(observations),
            surrogate.encoder,
            pool,
            # The pool gives one answer to a liquid however often it is asked.
            self.acquisition.model_copy(update={"replicates": False}),
            n=n,
            baseline=[one.formulation for one in observations],
            pending=(),
            known_ids=frozenset(one.formulation.formulation_id for one in observations),
            seed=seed,
        )
        return [pool.position(one.formulation) for one in decision.chosen]


def outside(
    known: Sequence[Measurement], formulations: Sequence[Formulation], species: SpeciesBook
) -> tuple[Measurement, ...]:
    """The conductivities of liquids that are not in the pool at any temperature, in mS/cm.

    A liquid is the same within 0.02 of each mole fraction and 0.05 mol/kg of each salt.
    """
    from saltloop.surrogates.encoding import FormulationEncoder

    salts, solvents = ([one.name for one in kind] for kind in (species.salts, species.solvents))
    encoder = FormulationEncoder(species, salts, solvents)
    rows = [one.in_unit("mS/cm") for one in known if one.quantity == "conductivity"]
    if not rows:
        return ()
    tolerance = np.full(encoder.dim - 1, SAME_FRACTION)
    tolerance[encoder.salt_slice] = SAME_MOLALITY
    pool = encoder.encode(formulations).numpy()[:, :-1]
    X = encoder.encode([one.formulation for one in rows]).numpy()[:, :-1]
    return tuple(one for one, x in zip(rows, X, strict=True) if not (np.abs(pool - x) <= tolerance).all(axis=1).any())
