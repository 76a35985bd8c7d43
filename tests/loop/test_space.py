"""The space: what it counts, offers, allows and says; numbered, streamed and sampled without being listed."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from saltloop.chemistry.errors import UnknownSpeciesError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.preflight import check_before_start
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.columns import EncoderColumns
from saltloop.loop.space.constraints import ConstraintError
from saltloop.loop.space.parts import rounded_shares
from saltloop.loop.space.settings import ShareBounds, SpaceSettings
from saltloop.surrogates.encoding import FormulationEncoder

BOOK = SpeciesBook.builtin()
ENCODER = FormulationEncoder(BOOK, [s.name for s in BOOK.salts], [s.name for s in BOOK.solvents])
#: 38 solvents in threes on a 5 % grid with 12 salts and 20 concentrations.
HUGE = {
    "salts": "all",
    "solvents": "all",
    "min_solvents": 3,
    "max_solvents": 3,
    "fraction_step": 0.05,
    "min_fraction": 0.05,
    "concentration": {"min": 0.1, "max": 2.0, "step": 0.1},
}


def space(book=BOOK, **values):
    return CandidateSpace(
        SpaceSettings.model_validate({"salts": ["LiPF6"], "solvents": ["EC", "DMC", "EMC"], **values}), book
    )


def everything(pool):
    """All allowed candidates as formulations."""
    return [pool.formulation(int(i)) for i in pool.allowed(np.arange(len(pool))).index]


def liquid(salts=None, solvents=None, **more):
    return Formulation.create(salts or {"LiPF6": 1.0}, solvents or {"EC": 0.3, "DMC": 0.7}, **more)


CONDITIONS = {
    "concentration": [0.5, 1.0],
    "max_solid_fraction": 1,
}


def test_the_count_is_that_of_a_brute_force():
    pool = space(solvents=["EC", "DMC", "EMC", "AN"], max_solvents=3, fraction_step=0.1, min_fraction=0.2, **CONDITIONS)
    grid = [i / 10 for i in range(2, 9)]
    of_size = {
        1: 1,
        2: sum(1 for a in grid if 1 - a > 0.2 - 1e-9),
        3: sum(1 for a, b in itertools.product(grid, grid) if 1 - a - b > 0.2 - 1e-9),
    }
    expected = sum(math.comb(4, size) * n for size, n in of_size.items()) * 2
    assert len(pool) == expected == pool.n_allowed
    assert len({one.formulation_id for one in everything(pool)}) == expected


def test_four_solvents_two_salts_and_free_temperatures_are_counted():
    pool = space(
        salts=["LiPF6", "LiFSI", "LiBF4"],
        max_salts=2,
        salt_fraction_step=0.25,
        solvents=["EC", "DMC", "EMC", "AN", "PC"],
        max_solvents=4,
        min_fraction=0.2,
        fraction_step=0.2,
        temperatures_K=[273.15, 298.15],
        **CONDITIONS,
    )
    n_salts = 3 + 3 * 3
    n_mixtures = 5 + 10 * 4 + 10 * 6 + 5 * 4
    assert len(pool) == n_salts * n_mixtures * 2 * 2
    ids = {one.formulation_id for one in everything(pool)}
    assert len(ids) == len(pool)
    assert pool.counts().endswith(f"= {len(pool):,}")


def test_a_third_of_a_billion_is_counted_and_reached_from_any_number():
    pool = space(**HUGE)
    assert len(pool) == math.comb(38, 3) * 171 * 12 * 20 == 346_213_440
    last = pool.formulation(len(pool) - 1)
    assert list(last.mole_fractions) == ["TEOS", "m-Xylene", "o-Xylene"]
    assert last.molality == {"LiPDI": 2.0}
    assert pool.contains(last)


SPACES = [
    space(solvents=["EC", "DMC", "EMC", "AN"], max_solvents=4, temperatures_K={"min": 270, "max": 300, "step": 10}),
    space(salts=["LiPF6", "LiFSI", "LiBF4"], max_salts=2, shares={"EC": [0.2, 0.4]}, include=[["EC", "DMC"]]),
    space(
        basis="volume", concentration_units=["mol/L"], max_solvents=3, exclude=[["LiPF6", "EC"], ["EC", "EMC"]],
        salts="all",
    ),
    space(
        basis="mole", concentration=[0.3, 1.7], concentration_units=["mol/kg", "mol/L"], constraints=["molality < 1.5"]
    ),
    space(
        step=0.05, shares={"FEC": {"min": 0.05, "max": 0.1, "step": 0.05}}, solvents=["EC", "EMC", "FEC"],
        max_solvents=3,
    ),
    space(**HUGE),
]  # fmt: skip


@given(st.sampled_from(SPACES), st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_a_candidate_is_contained_and_comes_back_from_its_row(pool, where):
    index = int(where * len(pool))
    one = pool.formulation(index)
    is_allowed = len(pool.allowed(np.array([index]))) == 1
    assert pool.contains(one) == is_allowed, pool.why_not(one)
    row = EncoderColumns.of(ENCODER, pool).encode(pool.decode(np.array([index])))
    np.testing.assert_allclose(row, ENCODER.encode([one]).numpy(), atol=1e-9, rtol=0)
    assert pool.as_weighed(ENCODER.encode([one])[0], ENCODER, digits=6).formulation_id == one.formulation_id


@given(st.sampled_from(SPACES), st.floats(0, 1, exclude_max=True))
@settings(max_examples=25, deadline=None)
def test_neighbours_are_allowed_other_and_each_once(pool, where):
    one = pool.formulation(int(where * len(pool)))
    assume(pool.contains(one))
    found = pool.neighbours(one)
    assert all(pool.contains(other) for other in found)
    ids = [other.formulation_id for other in found]
    assert len(set(ids)) == len(ids)
    assert one.formulation_id not in ids
    assert ids == [other.formulation_id for other in pool.neighbours(one)]


def test_neighbours_are_one_move_away():
    pool = space(
        salts=["LiPF6", "LiFSI"], max_salts=2, solvents=["EC", "DMC", "EMC"], max_solvents=3, max_solid_fraction=1,
        temperatures_K={"min": 278.15, "max": 318.15, "step": 10},
    )  # fmt: skip
    texts = {str(other) for other in pool.neighbours(liquid())}
    assert {
        "1 mol/kg LiFSI in EC:DMC 3:7 (w/w) at 298.15 K",
        "1 mol/kg LiPF6 in DMC at 298.15 K",
        "1 mol/kg LiPF6 in EMC:DMC 3:7 (w/w) at 298.15 K",
        "1 mol/kg LiPF6 in EC:DMC 2:3 (w/w) at 298.15 K",
        "1.2 mol/kg LiPF6 in EC:DMC 3:7 (w/w) at 298.15 K",
        "1 mol/kg LiPF6 in EC:DMC 3:7 (w/w) at 308.15 K",
    } <= {text.replace("DMC:EMC 7:3", "EMC:DMC 3:7") for text in texts}
    assert any("LiPF6" in text and "LiFSI" in text for text in texts)
    assert any(text.count(":") >= 4 for text in texts), "a third solvent"


def test_rows_are_streamed_in_chunks_and_in_order():
    pool = space(exclude=[["EC", "LiPF6"]], salts=["LiPF6", "LiFSI"])
    chunks = list(pool.stream(ENCODER, chunk=50))
    assert len(chunks) > 2
    assert max(len(chunk) for chunk in chunks) <= 50
    rows = np.concatenate(chunks)
    np.testing.assert_allclose(rows, ENCODER.encode(everything(pool)).numpy(), atol=1e-9)
    assert len(rows) == pool.n_allowed < len(pool)


def test_a_sample_is_reproducible_allowed_and_without_repeats():
    pool = space(**HUGE, constraints=["molality < 1 and average(relative_permittivity) > 20"])
    rows = pool.sample(ENCODER, 3000, np.random.default_rng(5))
    assert rows.shape == (3000, ENCODER.dim)
    assert len(np.unique(rows, axis=0)) == 3000
    assert (rows == pool.sample(ENCODER, 3000, np.random.default_rng(5))).all()
    assert all(pool.contains(ENCODER.decode(row)) for row in map(_tensor, rows[:50]))


def _tensor(row):
    import torch

    return torch.from_numpy(row)


def test_a_sample_is_uniform():
    pool = space(concentration=[0.5, 1.0, 1.5], solvents=["DMC", "EMC"])
    counts = {}
    for seed in range(400):
        for row in pool.sample(ENCODER, 10, np.random.default_rng(seed)):
            counts[row.tobytes()] = counts.get(row.tobytes(), 0) + 1
    assert len(counts) == len(pool) == 33
    expected = 4000 / 33
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    assert chi_square < 62.5, "the 99.9 % point for 32 degrees of freedom; less, since draws are without replacement"


def test_a_sample_of_a_large_space_is_uniform_over_salts_and_concentrations():
    rows = space(**HUGE).sample(ENCODER, 24_000, np.random.default_rng(2))
    per_salt = (rows[:, ENCODER.salt_slice] > 0).sum(axis=0)
    assert ((per_salt > 1800) & (per_salt < 2200)).all()
    molality = rows[:, ENCODER.salt_slice].sum(axis=1)
    assert abs(molality.mean() - 1.05) < 0.02


def test_a_sample_of_more_than_there_is_is_all_there_is():
    pool = space(solvents=["DMC"], concentration=[0.5, 1.0])
    assert len(pool.sample(ENCODER, 100, np.random.default_rng(0))) == 2


@pytest.mark.slow
def test_a_million_rows_of_a_third_of_a_billion_take_seconds_and_little_memory():
    import subprocess
    import sys

    code = f"""
import resource, numpy as np
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.preflight import check_before_start
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.parts import rounded_shares
from saltloop.loop.space.settings import ShareBounds, SpaceSettings
from saltloop.surrogates.encoding import FormulationEncoder
book = SpeciesBook.builtin()
encoder = FormulationEncoder(book, [s.name for s in book.salts], [s.name for s in book.solvents])
space = CandidateSpace(SpaceSettings.model_validate({HUGE!r}), book)
rows = space.sample(encoder, 1_000_000, np.random.default_rng(0))
used = resource.getrusage(resource.RUSAGE_SELF)
print(len(rows), used.ru_maxrss / 1e6, used.ru_utime)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    n, gigabytes, cpu_s = map(float, done.stdout.split())
    assert n == 1_000_000
    assert gigabytes < 2
    assert cpu_s < 60


def test_solids_are_kept_below_their_largest_share():
    shares = [one.mass_fractions.get("EC", 0) for one in everything(space())]
    assert max(shares) == pytest.approx(0.5)


def test_a_solid_melts_when_it_is_warm_enough():
    pool = space(solvents=["EC"], temperatures_K=[298.15, 313.15])
    assert {one.temperature_K for one in everything(pool)} == {313.15}


def test_excluded_species_and_groups_are_not_offered():
    pool = space(exclude=["EMC", ["EC", "DMC"]])
    assert {tuple(one.mole_fractions) for one in everything(pool)} == {("DMC",)}
    assert pool.why_not(liquid()) == "'exclude' keeps EC and DMC apart."
    assert pool.why_not(liquid(solvents={"EMC": 1.0})) == "'exclude' rules out EMC."


def test_included_species_are_always_there():
    pool = space(solvents=["EC", "DMC", "EMC", "AN"], max_solvents=3, include=["EC", ["DMC", "EMC"]])
    names = {frozenset(one.mole_fractions) for one in everything(pool)}
    assert names == {frozenset(s) for s in (
        {"EC", "DMC"}, {"EC", "EMC"}, {"EC", "DMC", "EMC"}, {"EC", "DMC", "AN"}, {"EC", "EMC", "AN"},
    )}  # fmt: skip
    assert pool.why_not(liquid(solvents={"DMC": 1.0})) == "'include' asks for EC."


def test_one_of_a_salt_and_a_solvent_may_be_asked_for():
    pool = space(salts=["LiPF6", "LiFSI"], include=[["LiFSI", "EC"]])
    assert all("LiFSI" in one.molality or "EC" in one.mole_fractions for one in everything(pool))


def test_shares_have_bounds_of_their_own():
    pool = space(shares={"EC": [0.2, 0.4]}, max_solvents=3, min_fraction=0.1, max_fraction=0.7, concentration=[1.0])
    for one in everything(pool):
        assert 0.2 - 1e-9 <= one.mass_fractions.get("EC", 0.2) <= 0.4 + 1e-9
        assert all(0.1 - 1e-9 <= share <= 0.7 + 1e-9 for name, share in one.mass_fractions.items() if name != "EC")
    assert pool.contains(liquid(solvents={"EC": 0.37, "DMC": 0.63}))
    assert (
        pool.why_not(liquid(solvents={"EC": 0.45, "DMC": 0.55})) == "EC: a share of 0.45 by mass is outside 0.2 to 0.4."
    )
    assert not pool.contains(liquid(solvents={"DMC": 1.0}))


def test_an_additive_has_its_own_small_steps():
    pool = space(
        solvents=["FEC", "EC", "EMC"], shares={"FEC": {"min": 0.01, "max": 0.03, "step": 0.01}}, include=["FEC"],
        max_solvents=3, concentration=[1.0],
    )  # fmt: skip
    assert {round(one.mass_fractions["FEC"], 6) for one in everything(pool)} == {0.01, 0.02, 0.03}


def test_bounds_apply_whatever_a_solvent_is_called():
    assert space(shares={"ethylene carbonate": [0.2, 0.4]}).bounds_of_solvent[BOOK.solvent("EC")].max == 0.4


def test_two_salts_share_one_concentration():
    pool = space(salts=["LiPF6", "LiFSI"], min_salts=2, max_salts=2, salt_fraction_step=0.2, concentration=[1.0])
    molalities = [one.molality for one in everything(pool)]
    assert {round(m["LiFSI"], 6) for m in molalities} == {0.2, 0.4, 0.6, 0.8}
    assert all(sum(m.values()) == pytest.approx(1.0) for m in molalities)
    assert pool.contains(liquid(salts={"LiPF6": 0.7, "LiFSI": 0.3}))
    assert "LiFSI: 0.1 of the salts" in pool.why_not(liquid(salts={"LiPF6": 0.9, "LiFSI": 0.1}))
    assert "It has 1 salts" in pool.why_not(liquid())


def test_a_robots_steps_hold_for_the_grid_and_between():
    pool = space(step={"share": 0.05, "concentration": 0.1}, max_solvents=3, shares={"EC": [0.2, 0.4]})
    generator = np.random.default_rng(3)
    for _ in range(100):
        shares = generator.dirichlet([2, 5, 5])
        rough = liquid(
            salts={"LiPF6": generator.uniform(0.4, 1.6)}, solvents=dict(zip(["EC", "DMC", "EMC"], shares, strict=True))
        )
        done = pool.as_weighed(ENCODER.encode([rough])[0], ENCODER)
        amounts = [*(share * 20 for share in done.mass_fractions.values()), done.molality["LiPF6"] * 10]
        assert amounts == pytest.approx([round(x) for x in amounts], abs=1e-6)
        assert max(abs(done.mass_fractions[n] - w) for n, w in rough.mass_fractions.items() if w > 0.05) <= 0.1
        assert pool.contains(done) or not pool.contains(rough)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=4), st.sampled_from([0.1, 0.05, 0.01, 1e-4]))
@settings(max_examples=200, deadline=None)
def test_rounded_shares_are_multiples_that_sum_to_one(amounts, step):
    shares = [one / sum(amounts) for one in amounts]
    done = rounded_shares(shares, [ShareBounds(min=step, max=1)] * len(shares), step)
    counts = [share / step for share in done]
    assert counts == pytest.approx([round(n) for n in counts], abs=1e-6)
    assert sum(done) == pytest.approx(1, abs=1e-12)
    assert all(abs(a - b) <= len(shares) * step for a, b in zip(done, shares, strict=True))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"step": 0.03}, "0.03 does not divide 1"),
        ({"step": 0.04}, r"fraction_step has 0.1, which is no multiple of step 0.04; take 0.08"),
        ({"step": {"concentration": 0.25}}, r"concentration has 0.4, which is no multiple of step 0.25; take 0.5"),
        ({"step": 0.05, "shares": {"EC": [0.22, 0.4]}}, r"shares.EC.min has 0.22"),
        ({"max_fraction": 0.05}, r"max_fraction \(0.05\) is below min_fraction \(0.1\)"),
        ({"shares": {"EC": [0.4, 0.2]}}, r"max \(0.2\) is below min \(0.4\); swap them"),
        ({"shares": {"EC": [0.4]}}, r"give \[least, most\]"),
        ({"molality": {"min": 1}, "concentration": [1]}, "both molality and concentration are given"),
        ({"max_salts": 1, "min_salts": 2}, r"max_salts \(1\) is below min_salts \(2\)"),
        ({"concentration": [25]}, "25 is outside 0 to 20"),
        ({"temperatures_K": [700]}, "700 K is above 600 K"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_remedy(given, message):
    with pytest.raises(ValueError, match=message):
        SpaceSettings.model_validate({"salts": ["LiPF6"], "solvents": ["EC", "DMC"], **given})


def test_aliases_are_one_species():
    assert [salt.name for salt in space(salts=["LiTFSI", "LiN(CF3SO2)2"]).salts] == ["LiTFSI"]


def test_earlier_spellings_mean_the_same():
    old = space(molality={"min": 0.5, "max": 1.0, "step": 0.1}, temperature_K=313.15)
    new = space(concentration={"min": 0.5, "max": 1.0, "step": 0.1}, temperatures_K=[313.15])
    assert old.settings == new.settings
    assert SpaceSettings.model_validate(new.settings.model_dump(mode="json")) == new.settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solvents": ["EC"]}, r"is empty: of its 7 candidates .* 7 more solid solvent than max_solid_fraction"),
        ({"exclude": ["EC", "DMC", "EMC"]}, r"0 solvents are left after 'exclude'"),
        ({"include": ["EC", "DMC", "EMC"]}, r"6 sets of solvents: without a species that 'include' asks for"),
        ({"shares": {"EC": 0.1, "DMC": 0.1, "EMC": 0.1}}, r"6 sets of solvents: shares within the bounds do not sum"),
        ({"constraints": ["molality > 3"]}, r"not molality > 3"),
        ({"constraints": ["flash_point_C > 500"]}, r"not flash_point_C > 500"),
        ({"exclude": [["LiPF6", "EC"], ["LiPF6", "DMC"], ["LiPF6", "EMC"]]}, "species that 'exclude' keeps apart"),
        ({"concentration": [19.0], "concentration_units": ["mol/L"]}, "no such liquid"),
    ],
)  # fmt: skip
def test_an_empty_space_says_what_emptied_it(given, message):
    with pytest.raises(CampaignFileError, match=message):
        space(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solvents": "all", "max_solvents": 4, "fraction_step": 0.002, "min_fraction": 0.002}, "larger fraction_step"),
        ({"columns": {"density_g_cm3": {"EC": 1}}}, "'density_g_cm3' is a column already; choose another name"),
        ({"columns": {"cost per kg": {"EC": 1}}}, "is no plain word"),
        ({"include": ["AN"]}, "include: AN is not among the solvents on offer; add it under 'solvents'"),
        ({"include": [["EC", "LiFSI"]]}, "include: LiFSI is not among the salts on offer"),
        ({"shares": {"FEC": 0.1}}, "shares: FEC is not among the solvents on offer"),
        ({"shares": {"EMC": 0.1}, "exclude": ["EMC"]}, "shares: EMC is not among the solvents on offer"),
        ({"shares": {"EC": 0.1, "ethylene carbonate": 0.2}}, "name a solvent twice"),
    ],
)
def test_what_cannot_be_made_is_said(given, message):
    with pytest.raises(CampaignFileError, match=message):
        space(**given)


def test_a_misspelt_species_or_column_is_proposed_a_near_one():
    with pytest.raises(UnknownSpeciesError, match="did you mean 'EMC'"):
        space(shares={"EMCC": 0.2})
    with pytest.raises(ConstraintError, match="did you mean cost_per_kg"):
        space(columns={"cost_per_kg": {"EC": 1}}, constraints=["cost_per_kgs < 3"])


def test_contains_keeps_every_bound():
    pool = space(constraints=["mixture_flash_point_C > 15"], solvents=["EC", "DMC", "DEC"])
    assert pool.contains(liquid(solvents={"EC": 0.33, "DMC": 0.67}))
    reasons = {
        "The concentration is 1.7 mol/kg; the space has 0.4 to 1.6 mol/kg.": liquid(salts={"LiPF6": 1.7}),
        "EC: a share of 0.05 by mass is outside 0.1 to 1.": liquid(solvents={"EC": 0.05, "DMC": 0.95}),
        "The space leaves it out: more solid solvent": liquid(solvents={"EC": 0.6, "DMC": 0.4}),
        "LiBF4 is not among the space's salts.": liquid(salts={"LiBF4": 1.0}),
        "AN is not among the space's solvents.": liquid(solvents={"AN": 1.0}),
        "The temperature is 313.15 K; the space has 298.15 K.": liquid(temperature_K=313.15),
        "It has 0 salts": Formulation.create({}, {"DMC": 1.0}),
        "It has 3 solvents": liquid(solvents={"EC": 0.3, "DMC": 0.3, "DEC": 0.4}),
    }
    for reason, one in reasons.items():
        assert pool.why_not(one).startswith(reason)
    strict = space(constraints=["share(EC) < 0.3"])
    assert strict.why_not(liquid()) == "The space leaves it out: not share(EC) < 0.3."


def test_nothing_lies_between_the_values_of_a_list():
    listed = space(concentration=[0.5, 1.0], temperatures_K=[273.15, 298.15])
    assert listed.contains(liquid())
    assert (
        listed.why_not(liquid(salts={"LiPF6": 0.7})) == "The concentration is 0.7 mol/kg; the space has 0.5, 1 mol/kg."
    )
    assert not listed.contains(liquid(temperature_K=280))
    row = ENCODER.encode([liquid(salts={"LiPF6": 0.8}, temperature_K=280)])[0]
    assert str(listed.as_weighed(row, ENCODER)) == "1 mol/kg LiPF6 in EC:DMC 3:7 (w/w) at 273.15 K"
    free = space(temperatures_K={"min": 273.15, "max": 313.15, "step": 20})
    assert free.contains(liquid(temperature_K=280))
    assert {one.temperature_K for one in everything(free)} == {273.15, 293.15, 313.15}


def test_amounts_are_rounded_to_what_a_person_can_weigh():
    row = ENCODER.encode([liquid(salts={"LiPF6": 1.03777}, solvents={"EC": 0.30444, "DMC": 0.69556})])[0]
    assert str(space().as_weighed(row, ENCODER, digits=2)) == "1.04 mol/kg LiPF6 in EC:DMC 3:7 (w/w) at 298.15 K"


def test_rounding_does_not_leave_the_bounds():
    pool = space(shares={"EC": [0.3, 0.3049]}, molality={"min": 0.4, "max": 1.046, "step": 0.1})
    row = ENCODER.encode([liquid(salts={"LiPF6": 1.0459}, solvents={"EC": 0.3049, "DMC": 0.6951})])[0]
    done = pool.as_weighed(row, ENCODER, digits=2)
    assert pool.contains(done)
    assert (done.molality["LiPF6"], done.mass_fractions["EC"]) == pytest.approx((1.04, 0.3))


def test_a_users_solvent_is_offered():
    book = BOOK.with_species([SpeciesDefinition(name="MyEther", kind="solvent", smiles="CCCOCCC")])
    pool = space(book, solvents=["DMC", "MyEther"], constraints=["average(n_oxygen) < 2"])
    assert any("MyEther" in one.mole_fractions for one in everything(pool))


def test_the_space_of_the_documentation_is_what_it_says(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text()
    file = tmp_path / "cold.yaml"
    file.write_text(text.split("### An example")[1].split("```yaml")[1].split("```")[0])
    settings = load_campaign_file(file)
    pool = CandidateSpace(settings.space, settings.species_book())
    assert f"there are {len(pool):,} formulations" in text
    assert f"of which {pool.n_allowed:,}\nare allowed" in text
    assert [note for note in pool.unknowns() if "melting_point_K is not known for FEC" in note]
    with pytest.raises(CampaignFileError, match=r"space.constraints: 'mean > 5' is about what the surrogate predicts"):
        check_before_start(_constrained(settings, "mean > 5"))


def _constrained(settings, text):
    space = settings.space.model_copy(update={"constraints": (text,)})
    return settings.model_copy(update={"space": space})


def test_values_of_expressions_at_encoded_rows():
    pool = space(salts=["LiPF6", "LiFSI"], max_salts=2, columns={"cost_per_kg": {"EC": 10, "DMC": 20, "LiPF6": 100}})
    rows = ENCODER.encode([liquid(), liquid(salts={"LiPF6": 0.5, "LiFSI": 0.5}), liquid(solvents={"EMC": 1.0})]).numpy()
    assert pool.values("average(cost_per_kg)", rows, ENCODER) == pytest.approx([17, 17, np.nan], nan_ok=True)
    salt_kg = BOOK.salt("LiPF6").molar_mass / 1e3
    expected = (17 + 100 * salt_kg) / (1 + salt_kg)
    assert pool.values("overall(cost_per_kg)", rows, ENCODER) == pytest.approx([expected, np.nan, np.nan], nan_ok=True)
    assert pool.values("molality + n_salts", rows, ENCODER) == pytest.approx([2, 3, 2])
    assert pool.values("salt_share(LiFSI) * share(EC)", rows, ENCODER) == pytest.approx([0, 0.15, 0])
    with pytest.raises(
        ConstraintError, match=r"a value for each solvent; write, for example, 'average\(cost_per_kg\)'"
    ):
        pool.values("cost_per_kg", rows, ENCODER)
