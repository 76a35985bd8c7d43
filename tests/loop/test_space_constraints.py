"""Constraints: what they mean, what they do not know, and that they run no code."""

import numpy as np
import pytest
from saltloop.chemistry.errors import UnknownSpeciesError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.constraints import Constraint, ConstraintError
from saltloop.loop.space.properties import TABLE_COLUMNS
from saltloop.loop.space.settings import SpaceSettings
from saltloop.surrogates.encoding import FormulationEncoder

BOOK = SpeciesBook.builtin()
ENCODER = FormulationEncoder(BOOK, [s.name for s in BOOK.salts], [s.name for s in BOOK.solvents])
SPACE = CandidateSpace(
    SpaceSettings(
        salts=("LiPF6", "LiFSI"),
        solvents=("EC", "DMC", "EMC", "AN"),
        concentration=(0.5, 1.5),
        min_fraction=0.3,
        max_solid_fraction=1,
    ),
    BOOK,
)
ALL = SPACE.decode(np.arange(len(SPACE)))
TEXTS = [str(SPACE.formulation(i)) for i in range(len(SPACE))]


def judged(text):
    return Constraint(text, SPACE.properties).judge(ALL)


def kept(text):
    return {one for one, holds in zip(TEXTS, judged(text).holds, strict=True) if holds}


def texts(condition):
    return {TEXTS[i] for i in range(len(SPACE)) if condition(SPACE.formulation(i))}


def known(name, solvents):
    return [BOOK.solvent(one).value(name) for one in solvents]


def test_a_solvents_column_holds_for_every_solvent_of_the_mixture():
    flash = {s.name: s.value("flash_point") for s in SPACE.solvents}
    expected = texts(lambda f: all((flash[n] or 0) - 273.15 > 10 for n in f.mole_fractions))
    assert kept("flash_point_C > 10") == expected
    assert kept("flash_point_K > 283.15") == expected


def test_columns_of_the_mixture():
    assert kept("molality <= 1") == texts(lambda f: sum(f.molality.values()) <= 1)
    assert kept("298 < temperature_K < 299") == set(TEXTS)
    assert kept("temperature_C < 25 - 0.1") == set()
    assert kept("n_solvents == 1") == texts(lambda f: len(f.mole_fractions) == 1)
    assert kept('share("EC") <= 0.3') == texts(lambda f: f.mass_fractions.get("EC", 0) <= 0.3 + 1e-12)
    assert kept("share(EC) + share(DMC) == 1") == texts(lambda f: set(f.mole_fractions) <= {"EC", "DMC"})


def test_salts_are_compared_by_name_or_alias():
    has_lifsi = texts(lambda f: "LiFSI" in f.molality)
    assert kept('salt == "LiFSI"') == kept("salt in (LiFSI, LiBF4)") == kept('salt == "LiN(SO2F)2"') == has_lifsi
    assert kept("salt != LiFSI") == kept("not salt == LiFSI") == set(TEXTS) - has_lifsi


@pytest.mark.parametrize(("function", "reduce"), [("min", min), ("max", max)])
def test_the_extreme_of_a_column_over_the_solvents(function, reduce):
    expected = texts(lambda f: reduce(known("relative_permittivity", f.mole_fractions)) > 30)
    assert kept(f"{function}(relative_permittivity) > 30") == expected


def test_the_average_of_a_column_is_weighed_by_share():
    def average(f):
        return sum(w * BOOK.solvent(n).value("relative_permittivity") for n, w in f.mass_fractions.items())

    assert kept("average(relative_permittivity) > 30") == texts(lambda f: average(f) > 30)


def test_what_is_not_known_neither_holds_nor_fails():
    assert BOOK.solvent("EMC").value("flash_point") is None, "this test needs a solvent without a flash point"
    verdict = judged("flash_point_C > 10")
    has_emc = np.array(["EMC" in text for text in TEXTS])
    with_an = np.array(["AN" in text for text in TEXTS])
    is_unknown = ~verdict.holds & ~verdict.fails
    assert (is_unknown == (has_emc & ~with_an)).all()  # With AN it fails whatever EMC's flash point is.
    assert verdict.fails[with_an].all()
    either = judged("flash_point_C > 10 or share(EMC) > 0")
    assert either.holds[has_emc].all()
    assert Constraint("flash_point_C > 10", SPACE.properties).unknown == {"flash_point_C": ["EMC"]}


def test_predictions_are_constraints_of_a_second_kind():
    constraint = Constraint("std < 0.5 and molality < 1", SPACE.properties)
    assert constraint.needs_prediction
    predicted = {"mean": np.ones(len(ALL)), "std": np.linspace(0, 1, len(ALL))}
    assert (constraint.judge(ALL, predicted).holds == ((predicted["std"] < 0.5) & (ALL.molality < 1))).all()
    assert not Constraint("molality < 1", SPACE.properties).needs_prediction


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flashpoint_C > 30", "there is no column 'flashpoint_C'; did you mean flash_point_C"),
        ("qqq > 30", "there is no column 'qqq'; there are flash_point_K"),
        ("flash_point_C >", "cannot be read"),
        ("flash_point_C", "compares nothing"),
        ("molality and std < 1", "'molality' compares nothing"),
        ("(molality < 1) + 1 > 0", "is not a number"),
        ("share(2 - MeTHF) > 0.1", "is not a name; quote it"),
        ("mode(viscosity_mPa_s) > 1", "no function 'mode'; there are share, salt_share, min, max, average"),
        ("min(molality) > 1", "takes a column of the solvents"),
        ("salt > 3", "a salt is compared by"),
        ("molality in (1, 2)", "only 'salt' can be 'in' a list"),
        ("True", "is not a number"),
        ("molality > 1 / (2 - 2)", r"'1 / \(2 - 2\)' divides by zero"),
        ("__import__('os').system('true') == 0", "not part of a constraint"),
        ("(lambda: 1)() > 0", "not part of a constraint"),
        ("mean.__class__ == 1", "not part of a constraint"),
        ("[x for x in (1, 2)] == 1", "not part of a constraint"),
        ("9 ** 9 ** 9 > 1", "not part of a constraint"),
    ],
)
def test_what_is_no_constraint_is_refused_with_the_reason(text, message):
    with pytest.raises(ConstraintError, match=message):
        Constraint(text, SPACE.properties)


def test_an_unknown_solvent_is_proposed_a_near_one():
    with pytest.raises(UnknownSpeciesError, match="did you mean 'EMC'"):
        Constraint("share(EMCC) > 0", SPACE.properties)


def of_mixture(name, shares, temperature=298.15):
    """One estimated column of a mixture by mass."""
    one = Formulation.create({"LiPF6": 1.0}, shares, temperature_K=temperature)
    (value,) = SPACE.values(name, ENCODER.encode([one]).numpy(), ENCODER)
    return value


@pytest.mark.parametrize("name", ["melting_point_C", "boiling_point_C", "viscosity_mPa_s", "relative_permittivity"])
def test_an_estimate_of_one_solvent_is_its_own_value(name):
    key, shift = TABLE_COLUMNS[name]
    assert of_mixture(f"mixture_{name}", {"DMC": 1.0}) == pytest.approx(
        BOOK.solvent("DMC").value(key) + shift, abs=1e-6
    )


def test_the_flash_point_of_a_mixture_lies_near_that_of_its_volatile_part():
    pure = {name: BOOK.solvent(name).value("flash_point") for name in ("EC", "DMC")}
    assert of_mixture("mixture_flash_point_K", {"DMC": 1.0}) == pytest.approx(pure["DMC"], abs=1e-6)
    mixed = of_mixture("mixture_flash_point_K", {"EC": 0.5, "DMC": 0.5})
    assert pure["DMC"] < mixed < pure["DMC"] + 20 < pure["EC"]


def test_a_mixture_melts_below_and_boils_between_its_parts():
    melting = of_mixture("mixture_melting_point_K", {"EC": 0.5, "EMC": 0.5})
    assert melting < BOOK.solvent("EC").value("melting_point") - 5
    boiling = of_mixture("mixture_boiling_point_K", {"EC": 0.5, "DMC": 0.5})
    assert BOOK.solvent("DMC").value("boiling_point") < boiling < BOOK.solvent("EC").value("boiling_point")


def test_an_estimate_that_needs_an_unknown_value_is_unknown():
    verdict = judged("mixture_flash_point_C > -200")
    assert (~verdict.holds & ~verdict.fails == np.array(["EMC" in text for text in TEXTS])).all()
    assert Constraint("mixture_flash_point_C > 10", SPACE.properties).unknown == {"flash_point_K": ["EMC"]}


def test_the_density_of_a_mixture_is_that_of_additive_volumes():
    liquid = Formulation.create({}, {"EC": 0.4, "DMC": 0.6})
    expected = liquid.solution_density().value
    assert of_mixture("mixture_density_g_cm3", {"EC": 0.4, "DMC": 0.6}) == pytest.approx(expected, rel=1e-6)


def test_elements_are_counted():
    book_columns = CandidateSpace(
        SpaceSettings(salts=("LiPF6",), solvents=("FEC", "EMC"), max_solid_fraction=1), BOOK
    ).properties
    assert book_columns.of_solvents("n_fluorine")[:2].tolist() == [1, 0]
    assert book_columns.of_solvents("n_oxygen")[:2].tolist() == [3, 3]
    assert book_columns.of_solvents("fluorine_mass_fraction")[0] == pytest.approx(18.998 / 106.05, rel=1e-3)
    assert of_mixture("mixture_oxygen_mass_fraction", {"DMC": 1.0}) == pytest.approx(3 * 15.999 / 90.08, rel=1e-3)


TWO_SALTS = CandidateSpace(
    SpaceSettings.model_validate(
        {
            "salts": ["LiPF6", "LiFSI"],
            "solvents": ["DMC", "AN"],
            "max_salts": 2,
            "salt_fraction_step": 0.5,
            "columns": {"cost_per_kg": {"DMC": 2, "LiPF6": 20, "LiFSI": 60}},
        }
    ),
    BOOK,
)


def names_of_salts(text):
    candidates = TWO_SALTS.decode(np.arange(len(TWO_SALTS)))
    kept = Constraint(text, TWO_SALTS.properties).judge(candidates).holds
    return {frozenset(TWO_SALTS.formulation(int(i)).molality) for i in np.flatnonzero(kept)}


def test_a_comparison_of_salts_holds_for_every_salt():
    one, other = frozenset({"LiPF6"}), frozenset({"LiFSI"})
    assert names_of_salts("salt == LiPF6") == {one}
    assert names_of_salts("salt != LiPF6") == {other}
    assert names_of_salts("salt in (LiPF6, LiFSI)") == {one, other, one | other}
    assert names_of_salts("salt_share(LiPF6) > 0") == {one, one | other}
    assert names_of_salts("n_salts == 2") == {one | other}


def test_a_users_column_is_one_like_any_other():
    candidates = TWO_SALTS.decode(np.arange(len(TWO_SALTS)))
    with_an = (candidates.solvents == 1).any(axis=1)
    verdict = Constraint("cost_per_kg < 5", TWO_SALTS.properties).judge(candidates)
    assert (verdict.holds == ~with_an).all()
    assert not verdict.fails.any()
    dear = Constraint("overall(cost_per_kg) > 8", TWO_SALTS.properties).judge(candidates)
    assert dear.holds[~with_an].any()
    assert dear.fails[~with_an].any()
    assert not dear.holds[with_an].any()
    assert Constraint("overall(cost_per_kg) > 8", TWO_SALTS.properties).unknown == {"cost_per_kg": ["AN"]}


def test_a_column_of_solvents_is_no_argument_of_overall():
    with pytest.raises(ConstraintError, match=r"overall\(\) takes one of the file's 'columns': there is none"):
        Constraint("overall(flash_point_C) > 3", SPACE.properties)
