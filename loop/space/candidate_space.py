"""The space of a campaign or a screening: every formulation on its grids, numbered, and never listed.

Candidate ``i`` is worked out from ``i``, many at once. Temperature varies fastest, then concentration, its unit, the
salts, the ratio, and the set of solvents; mixtures of fewer solvents come first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space import judge as space_judge
from saltloop.loop.space import moves as space_moves
from saltloop.loop.space.candidates import Candidates, Liquids
from saltloop.loop.space.columns import EncoderColumns
from saltloop.loop.space.constraints import Expression
from saltloop.loop.space.draw import all_over, drawn
from saltloop.loop.space.mixtures import Offer, SolventMixtures, salt_mixtures
from saltloop.loop.space.parts import Parts
from saltloop.loop.space.properties import Properties
from saltloop.loop.space.rules import SpaceRules
from saltloop.loop.space.settings import ShareBounds, SpaceSettings, values_of

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

#: Candidates that are worked out in one go.
CHUNK = 16_384
#: A space of which none of so many candidates, drawn all over it, is allowed counts as empty.
MOST_LOOKED_AT = 20_000_000


class CandidateSpace:
    """The formulations that a campaign may propose or a screening scores.

    ``len`` is the number of candidates on the grid, counted by arithmetic; ``max_solid_fraction``, ``constraints`` and
    lists of ``include`` and ``exclude`` about salts and solvents together then forbid some of them.

    Raises:
        CampaignFileError: no formulation is left; the message counts why.
        ConstraintError: a constraint cannot be read.
        UnknownSpeciesError: a species is not in the book.
    """

    #: Whether it is a fixed list of formulations, between which nothing lies.
    is_listed = False

    def __init__(self, settings: SpaceSettings, species: SpeciesBook) -> None:
        self.settings, self.species = settings, species
        self.offer = Offer.of(settings, species)
        self.units = tuple(dict.fromkeys(settings.concentration_units))
        self.concentrations = np.array(values_of(settings.concentration))
        self.temperatures_K = np.array(values_of(settings.temperatures_K))
        self.mixtures = SolventMixtures.of(settings, self.offer)
        self.salt_codes, self.salt_shares, self._salts_left_out = salt_mixtures(settings, self.offer)
        self.liquids = Liquids(self.salts, self.solvents, settings.basis, self.units)
        self.properties = Properties(self.salts, self.solvents, species, self.liquids, settings.columns)
        self.n_conditions = len(self.salt_codes) * len(self.units) * len(self.concentrations) * len(self.temperatures_K)
        self._length = len(self.mixtures) * self.n_conditions
        if not self._length:
            raise CampaignFileError(self._why_nothing_is_on_the_grid())
        self.rules = SpaceRules(settings, self.offer, self.properties)
        self._check_that_something_is_allowed()

    def __len__(self) -> int:
        return self._length

    @property
    def salts(self) -> list[Species]:
        """The salts on offer; a salt under two names is there twice if ``merge_aliases`` is off."""
        return self.offer.salts

    @property
    def solvents(self) -> list[Species]:
        """The solvents on offer."""
        return self.offer.solvents

    @cached_property
    def bounds_of_solvent(self) -> dict[Species, ShareBounds]:
        """Bounds and step of each solvent's share."""
        return dict(zip(self.solvents, self.offer.bounds, strict=True))

    def unknowns(self) -> list[str]:
        """What a person should know before the space is used: values that nobody knows, and what comes of it."""
        found = [
            f"'{one.text}': {column} is not known for {', '.join(solvents)}; what depends on it is dropped"
            for one in (*self.rules.constraints, *self.rules.on_predictions)
            for column, solvents in one.unknown.items()
        ]
        if self.settings.max_solid_fraction < 1 and (names := self.rules.unknown_melting_points):
            found.append(f"No melting point is known for {', '.join(names)}; taken as liquid at every temperature")
        return found

    def counts(self) -> str:
        """How the number of candidates comes about, in words."""
        sizes = (self.mixtures.sets < len(self.solvents)).sum(axis=1)
        n_ratios = np.diff(self.mixtures.start)
        parts = []
        for size in np.unique(sizes):
            of_size = n_ratios[sizes == size]
            ratio = f" x {_of(int(of_size[0]), 'ratio')}"
            if (of_size != of_size[0]).any():
                ratio = f" with {_of(int(of_size.sum()), 'ratio')} in all"
            parts.append(f"{_of(len(of_size), 'set')} of {_of(int(size), 'solvent')}{ratio}")
        mixtures = parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
        salts = "salt" if self.settings.max_salts == 1 else "salt mixture"
        return (
            f"{_of(len(self.salt_codes), salts)} x {mixtures} x {_of(len(self.temperatures_K), 'temperature')} x "
            f"{_of(len(self.concentrations), 'concentration')} x {_of(len(self.units), 'unit')} = {len(self):,}"
        )

    def decode(self, index: np.ndarray) -> Candidates:
        """The candidates with these numbers (n, any order)."""
        mixture, rest = np.divmod(index, self.n_conditions)
        rest, temperature = np.divmod(rest, len(self.temperatures_K))
        rest, concentration = np.divmod(rest, len(self.concentrations))
        salt, unit = np.divmod(rest, len(self.units))
        # Candidates that follow each other share their mixture: it is worked out once.
        low, high = (int(mixture.min()), int(mixture.max())) if len(mixture) else (0, 0)
        is_run = high - low < len(mixture)
        numbers = np.arange(low, high + 1) if is_run else mixture
        of: Any = mixture - low if is_run else slice(None)
        solvents, shares = self.mixtures.at(numbers)
        moles = self.liquids.mole_fractions(solvents, shares)
        salts, salt_shares = self.salt_codes[salt], self.salt_shares[salt]
        amounts = self.concentrations[concentration]
        return Candidates(
            index=index,
            salts=salts,
            salt_shares=salt_shares,
            solvents=solvents[of],
            shares=shares[of],
            mole_fractions=moles[of],
            concentration=amounts,
            unit=unit.astype(np.int8),
            molality=self.liquids.molality(
                amounts, unit, salts, salt_shares, lambda: self.liquids.litres_per_kg(solvents, moles)[of]
            ),
            temperature_K=self.temperatures_K[temperature],
        )

    def allowed(self, index: np.ndarray, counts: Counter[str] | None = None) -> Candidates:
        """Those of the candidates with these numbers that are allowed; ``counts`` gains the others by reason."""
        candidates = self.decode(index)
        kept = self.rules.allowed(candidates, Counter() if counts is None else counts)
        return candidates if kept.all() else candidates.take(kept)

    def formulation(self, index: int) -> Formulation:
        """Candidate ``index`` as a formulation, written in the space's basis and the candidate's unit."""
        return Parts.at(self, self.decode(np.array([index]))).formulation(self)

    def stream(self, encoder: FormulationEncoder, *, chunk: int = CHUNK) -> Iterator[np.ndarray]:
        """The allowed candidates as encoded rows in the order of their numbers, at most ``chunk x dim`` at a time."""
        columns = EncoderColumns.of(encoder, self)
        waiting: list[np.ndarray] = []
        for first in range(0, len(self), chunk):
            rows = columns.encode(self.allowed(np.arange(first, min(first + chunk, len(self)))))
            if waiting and sum(map(len, waiting)) + len(rows) > chunk:
                yield np.concatenate(waiting)
                waiting = []
            if len(rows):
                waiting.append(rows)
        if waiting:
            yield np.concatenate(waiting)

    def sample(self, encoder: FormulationEncoder, n: int, generator: np.random.Generator) -> np.ndarray:
        """``n`` allowed candidates as encoded rows, each as likely as any other and none twice, in random order.

        Fewer where the space has fewer. One of more than a million candidates is not gone through unless most of
        it is forbidden.
        """
        columns, index = EncoderColumns.of(encoder, self), drawn(self, n, generator)
        rows = np.empty((len(index), encoder.dim))
        for first in range(0, len(index), CHUNK):
            part = index[first : first + CHUNK]
            rows[first : first + len(part)] = columns.encode(self.decode(part))
        return rows

    def contains(self, formulation: Formulation) -> bool:
        """Whether a formulation keeps the space's bounds and constraints, on its steps or between them."""
        return not self.why_not(formulation)

    def why_not(self, formulation: Formulation) -> str:
        """'' for a formulation that is allowed, else the sentence that says what it violates."""
        return space_judge.why_not(self, formulation)

    def as_weighed(self, row: Any, encoder: FormulationEncoder, *, digits: int = 4) -> Formulation:
        """An encoded row (a tensor of ``dim``) as a formulation that a person or a robot can make.

        Shares and concentration are multiples of ``settings.step``, or else rounded to ``digits`` decimals, and stay
        within the bounds that the row keeps; of a list of concentrations or temperatures the nearest is taken.
        """
        return Parts.of(self, encoder.decode(row)).on_steps(self, digits=digits).formulation(self)

    def neighbours(self, formulation: Formulation) -> list[Formulation]:
        """The allowed formulations one discrete move away, in a fixed order: another salt, a solvent exchanged, added
        or left out, or a share, the concentration or the temperature moved by a step."""
        return space_moves.neighbours(self, formulation)

    def values(self, expression: str, rows: np.ndarray, encoder: FormulationEncoder) -> np.ndarray:
        """What an expression over the columns (docs/screening.md) is worth for encoded rows (n x dim), n; NaN where a
        value that it needs is not known.

        Raises:
            ConstraintError: the expression cannot be read, or needs predictions.
        """
        read = Expression(expression, self.properties)
        return read.values(EncoderColumns.of(encoder, self).decode(np.asarray(rows), self.liquids))

    @cached_property
    def n_allowed(self) -> int:
        """How many candidates are allowed; goes through all of them once."""
        return sum(len(self.allowed(np.arange(i, min(i + CHUNK, len(self))))) for i in range(0, len(self), CHUNK))

    def _why_nothing_is_on_the_grid(self) -> str:
        offered = f"{_of(len(self.salts), 'salt')} and {_of(len(self.solvents), 'solvent')} are left after 'exclude'"
        left_out = [
            f"{_of(n, f'set of {what}')}: {reason}"
            for what, reasons in (("solvents", self.mixtures.left_out), ("salts", self._salts_left_out))
            for reason, n in reasons.most_common()
            if n
        ]
        settings = self.settings
        wanted = (
            f"for mixtures of {settings.min_salts} to {settings.max_salts} salts in {settings.min_solvents} to "
            + (f"{settings.max_solvents} solvents")
        )
        return (
            f"The space is empty: {offered}, {wanted}{'; left out: ' if left_out else ''}{'; '.join(left_out)}. "
            "Add species, remove exclusions, or widen the bounds of the shares."
        )

    def _check_that_something_is_allowed(self) -> None:
        counts: Counter[str] = Counter()
        n_looked_at = 0
        # Steps of a golden section lie evenly whatever their number, so the first chunk looks all over the space.
        for index in all_over(len(self), CHUNK, MOST_LOOKED_AT):
            if len(self.allowed(index, counts)):
                return
            n_looked_at += len(index)
        listed = "; ".join(f"{n:,} {reason}" for reason, n in counts.most_common())
        raise CampaignFileError(
            f"The space is empty: of its {len(self):,} candidates on the grid none of the {n_looked_at:,} looked at is "
            f"allowed: {listed}. Loosen what drops them: max_solid_fraction (it is "
            f"{self.settings.max_solid_fraction:g}), 'constraints', 'exclude' or 'include'; or add species."
        )


def _of(n: int, what: str) -> str:
    if n != 1:
        first, _, rest = what.partition(" of ")
        what = f"{first}s of {rest}" if rest else f"{what}s"
    return f"{n:,} {what}"
