"""Constraints: what they mean, what they do not know, and that they run no code."""

import numpy as np
import pytest
from saltloop.chemistry.errors import UnknownSpeciesError
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.space import CandidateSpace
from saltloop.loop.space_constraints import Constraint, ConstraintError
from saltloop.loop.space_settings import SpaceSettings

BOOK = SpeciesBook.builtin()
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
