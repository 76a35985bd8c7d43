"""Why the surrogate says what it says: the subject of an explanation, and what its two pages share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.reports.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder
    from saltloop.surrogates.feature_view import FeatureView
    from saltloop.surrogates.posterior import SurrogateModel
    from torch import Tensor

Progress = Callable[[int, int], None]

#: A species counts as known to the model from this many measurements on.
MIN_ROWS_OF_A_SPECIES = 3
#: Sources that are measurements; all others are oracles that compute.
MEASURED = frozenset({"experiment", "replay"})
#: Seed of everything that is sampled for a page; the same model gives the same page.
SEED = 0
CAVEAT = (
    "Attributions describe the model, not the liquid. The descriptors of a molecule rise and fall together (heavier "
    "molecules have more atoms, more valence electrons, larger Chi indices), and a network may spread what belongs to "
    "one of them over all: read groups of descriptors rather than single ones. Exchanging real molecules, as in the "
    "finite differences on the page of a formulation, asks the model about liquids that exist."
)


@dataclass(frozen=True)
class Subject:
    """A fitted surrogate and what it has learned from."""

    origin: str
    """Where the model comes from, in words."""
    model: SurrogateModel
    """The posterior, conditioned on a campaign's own results where there are any."""
    encoder: FormulationEncoder
    species: SpeciesBook
    known: tuple[Measurement, ...]
    """Measured conductivities in mS/cm of liquids with salt, all of which the encoder has columns for."""
    notes: tuple[str, ...] = ()

    @cached_property
    def liquids(self) -> tuple[Formulation, ...]:
        return tuple(m.formulation for m in self.known)

    @cached_property
    def conductivities(self) -> np.ndarray:
        """mS/cm."""
        return np.array([m.value for m in self.known])

    @cached_property
    def rows(self) -> Tensor:
        """Encoded ``liquids``, n x dim, single precision."""
        return self.encoder.encode(self.liquids).float()

    @cached_property
    def view(self) -> FeatureView:
        from saltloop.surrogates.feature_view import FeatureView

        return FeatureView(self.model.network, self.encoder, self.rows)

    def predicted(self, liquids: Sequence[Formulation]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the conductivity of liquids, mS/cm."""
        mean, std = self.model.predict_encoded(self.encoder.encode(liquids))
        return mean.numpy(), std.numpy()

    def species_seen(self) -> tuple[list[str], list[str]]:
        """Salts and solvents with at least three measurements, the most frequent first."""
        salts = Counter(name for liquid in self.liquids for name in liquid.molality)
        solvents = Counter(name for liquid in self.liquids for name in liquid.mole_fractions)
        return tuple(  # type: ignore[return-value]
            [name for name, n in counts.most_common() if n >= MIN_ROWS_OF_A_SPECIES] for counts in (salts, solvents)
        )


@dataclass(frozen=True)
class Explanation:
    """A page, the same in a few lines for the terminal, and its figures for scripts."""

    page: Page
    summary: str
    figures: Mapping[str, Any]


def usable(
    measurements: Sequence[Measurement], columns: tuple[str, ...]
) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
    """The measured conductivities of liquids with salt that an encoder has columns for, and notes on what is not."""
    known = set(columns)
    of_salt = [m for m in measurements if m.quantity == "conductivity" and m.formulation.molality]
    measured = [m for m in of_salt if m.source in MEASURED]
    kept = [m for m in measured if {*m.formulation.molality, *m.formulation.mole_fractions} <= known]
    notes = []
    if n := len(of_salt) - len(measured):
        notes.append(
            f"{n} computed result(s) are in the model, but not among the measured liquids that this page uses."
        )
    if n := len(measured) - len(kept):
        notes.append(f"{n} measurement(s) hold species that this model has no column for; they are left out here.")
    return tuple(m.in_unit("mS/cm") for m in kept), tuple(notes)


def with_sign(value: float, digits: int = 2) -> str:
    """``+1.20`` or ``−0.30`` with a real minus; what rounds to zero has no sign."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def percent(share: float) -> str:
    """``12.3 %``, with a real minus."""
    text = f"{100 * share:.1f}"
    return f"{text if float(text) else '0.0'} %".replace("-", "−")


def listed(names: list[str] | tuple[str, ...]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
