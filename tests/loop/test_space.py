"""The candidate pool: what is offered, what is kept out, and that it is streamed."""

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.settings import SpaceSettings
from saltloop.loop.space import CandidateSpace

BOOK = SpeciesBook.builtin()


def space(**settings):
    values = {"salts": ["LiPF6"], "solvents": ["EC", "DMC", "EMC"], **settings}
    return CandidateSpace(SpaceSettings.model_validate(values), BOOK)


def test_the_pool_counts_what_it_streams():
    encoding = pytest.importorskip("saltloop.surrogates.encoding")
    pool = space()
    encoder = encoding.FormulationEncoder(BOOK, ["LiPF6"], ["EC", "DMC", "EMC"])
    chunks = list(pool.stream(encoder, chunk=50))
    assert len(chunks) > 2
    assert max(len(chunk) for chunk in chunks) <= 50
    assert sum(len(chunk) for chunk in chunks) == len(pool)


def test_streamed_rows_are_the_encoded_formulations():
    encoding = pytest.importorskip("saltloop.surrogates.encoding")
    pool = space(solvents=["DMC", "EMC"])
    encoder = encoding.FormulationEncoder(BOOK, ["LiPF6"], ["DMC", "EMC"])
    rows = next(iter(pool.stream(encoder)))
    mixture = list(pool.mixtures())[-1]
    shares = {s.name: w for s, w in zip(mixture.solvents, mixture.mass_fractions, strict=True)}
    formulation = Formulation.create({"LiPF6": float(pool.molalities[-1])}, shares)
    assert rows[-1] == pytest.approx(encoder.encode([formulation])[0].numpy(), abs=1e-6)


def test_solids_are_kept_below_their_largest_share():
    shares = [
        fraction
        for mixture in space().mixtures()
        for solvent, fraction in zip(mixture.solvents, mixture.mass_fractions, strict=True)
        if solvent.name == "EC"
    ]
    assert shares
    assert max(shares) == pytest.approx(0.5)


def test_excluded_species_and_pairs_are_not_offered():
    names = [{s.name for s in m.solvents} for m in space(exclude=["EMC", ["EC", "DMC"]]).mixtures()]
    assert names == [{"DMC"}]


def test_aliases_are_one_species():
    assert [salt.name for salt in space(salts=["LiTFSI", "LiN(CF3SO2)2"]).salts] == ["LiTFSI"]


def test_an_empty_space_says_why():
    with pytest.raises(CampaignFileError, match=r"The space is empty: of 1 salts and 1 solvents.*max_solid_fraction"):
        space(solvents=["EC"])


def test_amounts_are_rounded_to_what_a_person_can_weigh():
    formulation = space().formulation("LiPF6", 1.03777, {"EC": 0.30444, "DMC": 0.69556})
    assert formulation.mass_fractions == pytest.approx({"EC": 0.3, "DMC": 0.7})
    assert formulation.molality == {"LiPF6": 1.04}


def test_contains_keeps_the_bounds():
    pool = space()
    assert pool.contains(Formulation.create({"LiPF6": 1.0}, {"EC": 0.33, "DMC": 0.67}))
    assert not pool.contains(Formulation.create({"LiPF6": 1.7}, {"EC": 0.33, "DMC": 0.67}))
    assert not pool.contains(Formulation.create({"LiPF6": 1.0}, {"EC": 0.6, "DMC": 0.4}))
    assert not pool.contains(Formulation.create({"LiPF6": 1.0}, {"EC": 0.05, "DMC": 0.95}))
