"""Which solvents go together in which ratios, and which salts: what ``include`` and ``exclude`` leave, numbered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import comb

import numpy as np
from saltloop.chemistry.species import Kind, Species, SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space.grid import ratios, solvent_sets
from saltloop.loop.space.settings import ALL, ShareBounds, SpaceSettings

#: Sets of solvents that are listed; their ratios and conditions are only counted.
MOST_SETS = 5_000_000
NOT_INCLUDED = "without a species that 'include' asks for"
EXCLUDED = "species that 'exclude' keeps apart"
NO_SHARES = "shares within the bounds do not sum to 1"


@dataclass(frozen=True)
class Offer:
    """The species of a space, and which of them must be there or must not meet."""

    salts: list[Species]
    """As listed, without the excluded; a salt under two names may be there twice (``merge_aliases: false``)."""
    solvents: list[Species]
    together: list[list[Species]]
    """Of each list at least one species must be there."""
    apart: list[list[Species]]
    """Of each list at least one species must not be there."""
    banned: list[Species]
    bounds: list[ShareBounds]
    """Of each solvent's share, with its step."""

    @classmethod
    def of(cls, settings: SpaceSettings, book: SpeciesBook) -> Offer:
        """Look the names up.

        Raises:
            UnknownSpeciesError: a name is not in the book.
            CampaignFileError: ``shares`` or ``include`` is about a species that is not on offer.
        """
        banned = [book.find(entry[0]) for entry in settings.exclude if len(entry) == 1]
        solvents = [s for s in _listed(settings.solvents, book, "solvent", is_merged=True) if s not in banned]
        salts = _listed(settings.salts, book, "salt", is_merged=settings.merge_aliases)
        own = {book.solvent(name): name for name in settings.shares}
        if len(own) < len(settings.shares):
            raise CampaignFileError(
                f"shares: {', '.join(settings.shares)} name a solvent twice; give its bounds once, under one name."
            )
        together = [[book.find(name) for name in entry] for entry in settings.include]
        for setting, wanted in (("shares", own), *(("include", group) for group in together)):
            for one in wanted:
                if one not in (salts if one.kind == "salt" else solvents) or one in banned:
                    raise CampaignFileError(
                        f"{setting}: {one.name} is not among the {one.kind}s on offer; add it under '{one.kind}s' (and "
                        f"not under 'exclude'), or take it out of '{setting}'."
                    )
        return cls(
            salts=[salt for salt in salts if salt not in banned],
            solvents=solvents,
            together=together,
            apart=[[book.find(name) for name in entry] for entry in settings.exclude if len(entry) > 1],
            banned=banned,
            bounds=[settings.bounds_of(own.get(solvent, solvent.name)) for solvent in solvents],
        )


@dataclass
class SolventMixtures:
    """Every set of solvents with every ratio of its shares, numbered: fewer solvents first, then set, then ratio."""

    sets: np.ndarray
    """sets x k, positions in the space's solvents; their number where there is none."""
    start: np.ndarray
    """sets + 1, the number of each set's first mixture, and of all at the end."""
    first_ratio: np.ndarray
    """sets, where a set's ratios begin in ``shares``."""
    shares: np.ndarray
    """ratios x k; sets with the same bounds have the same rows."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> sets of solvents that are not among them."""

    def __len__(self) -> int:
        return int(self.start[-1])

    def at(self, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solvents and shares, both n x k, of the mixtures with these numbers."""
        one = np.searchsorted(self.start, number, side="right") - 1
        return self.sets[one], self.shares[self.first_ratio[one] + number - self.start[one]]

    @classmethod
    def of(cls, settings: SpaceSettings, offer: Offer) -> SolventMixtures:
        """List the sets, and count their ratios.

        Raises:
            CampaignFileError: more than 5 million sets of solvents.
        """
        n, k = len(offer.solvents), settings.max_solvents
        sizes = range(settings.min_solvents, min(k, n) + 1)
        if (n_sets := sum(comb(n, size) for size in sizes)) > MOST_SETS:
            raise CampaignFileError(
                f"{n} solvents make {n_sets:,} sets of {settings.min_solvents} to {k}, more than {MOST_SETS:,}; name "
                "fewer solvents, or lower max_solvents."
            )
        sets = np.full((n_sets, k), n, dtype=np.int16)
        row = 0
        for size in sizes:
            found = solvent_sets(n, size)
            sets[row : row + len(found), :size] = found
            row += len(found)
        left_out: Counter[str] = Counter()
        sets = _kept(sets, offer.solvents, offer, "solvent", left_out)
        shares, kind, first, size_of = _ratios(sets, n, offer.bounds)
        has_ratios = size_of[kind] > 0
        if not has_ratios.all():
            left_out[NO_SHARES] += int((~has_ratios).sum())
        kind = kind[has_ratios]
        start = np.concatenate([[0], np.cumsum(size_of[kind])]).astype(np.int64)
        return cls(sets[has_ratios], start, first[kind], shares, left_out)


def salt_mixtures(settings: SpaceSettings, offer: Offer) -> tuple[np.ndarray, np.ndarray, Counter[str]]:
    """Salts and their mole fractions among the salts, both n x max_salts, and how many sets were left out and why."""
    n, k, step = len(offer.salts), settings.max_salts, settings.salt_fraction_step
    left_out: Counter[str] = Counter()
    codes, shares = [], []
    for size in range(settings.min_salts, min(k, n) + 1):
        table = ratios([(step, 1.0, step)] * size) if size > 1 else np.ones((1, 1))
        sets = np.full((comb(n, size), k), n, dtype=np.int16)
        sets[:, :size] = solvent_sets(n, size)
        sets = _kept(sets, offer.salts, offer, "salt", left_out)
        padded = np.zeros((len(table), k))
        padded[:, :size] = table
        codes.append(np.repeat(sets, len(table), axis=0))
        shares.append(np.tile(padded, (len(sets), 1)))
    if not codes:
        return np.zeros((0, k), np.int16), np.zeros((0, k)), left_out
    return np.concatenate(codes), np.concatenate(shares), left_out


def positions(species: Species, listed: Sequence[Species]) -> list[int]:
    """Where a species stands in a list; a salt under two names stands there twice."""
    return [index for index, one in enumerate(listed) if one == species]


def is_of_kind(group: Iterable[Species], kind: Kind) -> bool:
    """Whether a list of ``include`` or ``exclude`` is about solvents alone, or about salts alone."""
    return all(one.kind == kind for one in group)


def _listed(names: tuple[str, ...], book: SpeciesBook, kind: Kind, *, is_merged: bool) -> list[Species]:
    if names == (ALL,):
        return list(book.salts if kind == "salt" else book.solvents)
    found = [book.salt(name) if kind == "salt" else book.solvent(name) for name in names]
    return list(dict.fromkeys(found)) if is_merged else found


def _kept(sets: np.ndarray, listed: list[Species], offer: Offer, kind: Kind, left_out: Counter[str]) -> np.ndarray:
    """The sets that lists about this kind of species alone allow."""

    def has(one: Species) -> np.ndarray:
        return np.asarray(np.isin(sets, positions(one, listed)).any(axis=1))

    for group in (g for g in offer.together if is_of_kind(g, kind)):
        is_there = np.logical_or.reduce([has(one) for one in group])
        left_out[NOT_INCLUDED] += int((~is_there).sum())
        sets = sets[is_there]
    for group in (g for g in offer.apart if is_of_kind(g, kind)):
        meet = np.logical_and.reduce([has(one) for one in group])
        left_out[EXCLUDED] += int(meet.sum())
        sets = sets[~meet]
    return sets


def _ratios(
    sets: np.ndarray, none: int, bounds: list[ShareBounds]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ratios of all kinds of sets one after the other; each set's kind; each kind's first row and number of rows.

    Sets are of one kind when the bounds of their solvents, one by one, are the same.
    """
    kinds_of_bounds = list(dict.fromkeys(bounds))
    of_solvent = np.array([*(kinds_of_bounds.index(one) for one in bounds), len(kinds_of_bounds)])
    signatures, kind = np.unique(of_solvent[sets], axis=0, return_inverse=True)
    tables, k = [], sets.shape[1]
    for signature in signatures:
        of_set = [kinds_of_bounds[code] for code in signature if code < len(kinds_of_bounds)]
        found = ratios([(one.min, one.max, one.step or 1.0) for one in of_set])
        padded = np.zeros((len(found), k))
        padded[:, : len(of_set)] = found
        tables.append(padded)
    sizes = np.array([len(table) for table in tables], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64) if tables else np.zeros(0, np.int64)
    return np.concatenate(tables) if tables else np.zeros((0, k)), kind.reshape(-1), first, sizes
