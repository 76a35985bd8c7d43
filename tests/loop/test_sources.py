"""Which source answers: gain per cost, with what is known of each source's bias and noise."""

import math

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.sources.choose import Option, Prospect, choose_sources
from saltloop.loop.sources.discrepancy import Discrepancy


class Noises:
    """Stands for a discrepancy: relative noise by source, the same for every liquid."""

    def __init__(self, **noises):
        self.noises = noises

    def effective_noise(self, source, liquids):
        return [self.noises[source]] * len(liquids)

    def plan_pairs(self, source, measured, liquids, *, n):
        calibrated = self.noises.get(f"{source}_calibrated", self.noises[source])
        return [(k, [calibrated] * len(liquids)) for k in range(min(n, len(measured)))]


def liquid(k):
    return Formulation.create({"LiPF6": 0.5 + 0.01 * k}, {"EC": 0.3, "EMC": 0.7})


def prospect(k, mean, std, asked=()):
    return Prospect(liquid(k), mean, std, frozenset(asked))


def two(cost):
    return [Option("md", "openmm", cost), Option("robot", "experiment", 1.0)]


GOOD_MD = Noises(openmm=0.2, experiment=0.02)


def test_a_cheap_source_explores_what_is_not_sure():
    (one,) = choose_sources([prospect(0, 9.0, 2.0)], two(0.05), GOOD_MD, n=1, best=10.0)
    assert (one.name, one.purpose) == ("md", "explore")
    assert "md, to explore: gains" in one.why
    assert "robot would gain" in one.why


def test_the_choice_flips_with_the_cost():
    (one,) = choose_sources([prospect(0, 9.0, 2.0)], two(0.8), GOOD_MD, n=1, best=10.0)
    assert one.name == "robot"


def test_the_choice_flips_with_what_is_known_of_the_bias():
    names = [
        choose_sources([prospect(0, 9.0, 2.0)], two(0.2), Noises(openmm=noise, experiment=0.02), n=1, best=10.0)[0].name
        for noise in (0.15, 0.8)
    ]
    assert names == ["md", "robot"]


def test_a_learned_bias_makes_a_simulation_worth_its_cost():
    known = [
        Measurement(
            formulation=liquid(k), value=8.0, unit="mS/cm", standard_uncertainty=0.2, source="experiment",
            external_id=f"e{k}",
        )
        for k in range(0, 60, 4)
    ]  # fmt: skip
    simulated = [
        m.model_copy(update={"value": 4.0, "standard_uncertainty": 0.3, "source": "openmm", "external_id": f"s{k}"})
        for k, m in enumerate(known)
    ]
    names = [
        choose_sources([prospect(9, 9.0, 2.0)], two(0.25), discrepancy, n=1, best=10.0)[0].name
        for discrepancy in (Discrepancy.fit(simulated), Discrepancy.fit([*simulated, *known]))
    ]
    assert names == ["robot", "md"]


def test_what_a_simulation_found_is_confirmed_by_experiment():
    found = prospect(0, 12.0, 1.5, asked=["md"])
    unlikely = prospect(1, 8.0, 2.0)
    chosen = choose_sources([unlikely, found], two(0.1), GOOD_MD, n=2, best=10.0)
    assert [(one.prospect, one.name) for one in chosen] == [(found, "robot"), (unlikely, "md")]
    assert chosen[0].purpose == "confirm"
    assert "to confirm what md found" in chosen[0].why


def test_a_likely_winner_is_not_simulated_first():
    (one,) = choose_sources([prospect(0, 14.0, 1.0)], two(0.1), GOOD_MD, n=1, best=10.0)
    assert one.name == "robot", "a simulation would have to be confirmed all the same"


def test_no_source_is_asked_twice_about_a_liquid():
    done = prospect(0, 12.0, 1.5, asked=["md", "robot"])
    assert choose_sources([done], two(0.1), GOOD_MD, n=1, best=10.0) == []


def test_without_experiments_the_quietest_source_confirms():
    options = [Option("quick", "quick", 0.1), Option("long", "long", 1.0)]
    noises = Noises(quick=0.4, long=0.2)
    (one,) = choose_sources([prospect(0, 12.0, 1.5, ["quick"])], options, noises, n=1, best=10.0)
    assert (one.name, one.purpose) == ("long", "confirm")


def test_a_source_of_unknown_bias_is_calibrated_where_that_pays():
    unknown = Noises(openmm=0.7, openmm_calibrated=0.15, experiment=0.02)
    measured = [prospect(k, 8.0, 0.2, asked=["robot"]) for k in range(10, 15)]
    prospects = [prospect(k, 9.0, 2.0) for k in range(8)]
    cheap = choose_sources(prospects, two(0.02), unknown, n=4, best=10.0, measured=measured)
    assert (cheap[0].name, cheap[0].purpose) == ("md", "calibrate")
    assert "calibrated on" in cheap[0].why
    dear = choose_sources(prospects, two(0.7), unknown, n=4, best=10.0, measured=measured)
    assert {one.purpose for one in dear} == {"explore"}
    useless = Noises(openmm=0.7, openmm_calibrated=0.69, experiment=0.02)
    kept = choose_sources(prospects, two(0.2), useless, n=4, best=10.0, measured=measured)
    assert {one.purpose for one in kept} == {"explore"}


def test_calibration_liquids_are_those_that_tell_most_of_the_prospects():
    near, far = prospect(0, 8.0, 0.2).formulation, Formulation.create({"LiTFSI": 4.0}, {"AN": 1.0})
    (best, after), (_, both) = Discrepancy.fit([]).plan_pairs("openmm", [far, near], [liquid(1)], n=2)
    assert best == 1
    assert both[0] < after[0] < Discrepancy.fit([]).effective_noise("openmm", [liquid(1)])[0]


def test_the_gain_is_the_expected_improvement_through_the_source():
    (one,) = choose_sources([prospect(0, 10.0, 2.0)], [Option("robot", "experiment", 1.0)], GOOD_MD, n=1, best=10.0)
    assert one.gain == pytest.approx(4.0 / math.hypot(2.0, 0.2) / math.sqrt(2 * math.pi))


def test_the_same_prospects_give_the_same_choice():
    prospects = [prospect(k, 8 + 0.3 * k, 1.5, asked=["md"] if k % 2 else []) for k in range(12)]
    first = choose_sources(prospects, two(0.1), GOOD_MD, n=4, best=10.0)
    assert first == choose_sources(prospects, two(0.1), GOOD_MD, n=4, best=10.0)
    assert [one.rate for one in first] == sorted((one.rate for one in first), reverse=True)


def test_a_replicate_is_for_the_source_that_may_give_it():
    again = Prospect(liquid(0), 10.0, 0.3, frozenset({"md"}), is_replicate=True)
    (one,) = choose_sources([again], two(0.1), GOOD_MD, n=1, best=10.0)
    assert (one.name, one.purpose) == ("robot", "replicate")
    assert "robot, to measure again" in one.why


def test_hopeless_liquids_do_not_break_the_arithmetic():
    (one,) = choose_sources([prospect(0, 1.0, 1e-3)], two(0.1), GOOD_MD, n=1, best=20.0)
    assert one.gain >= 0
    assert math.isfinite(one.rate)
