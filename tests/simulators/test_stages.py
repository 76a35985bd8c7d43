"""Stages in whole steps, gentler starts, and who is annealed."""

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.md.annealing import annealing_of, chelating_solvents, solvent_viscosity_mPa_s
from saltloop.simulators.md.protocols import resolve_protocol
from saltloop.simulators.md.stage_settings import Anneal
from saltloop.simulators.md.stages import Gentleness, stages_of

ORDER = ("soften", "nvt", "anneal", "npt", "settle", "produce")


def stages(spec="quick", *, has_fixed_density=False, is_annealed=False, level=0):
    protocol = resolve_protocol(spec)
    found = stages_of(
        protocol,
        has_fixed_density=has_fixed_density,
        anneal=protocol.anneal if is_annealed else None,
        gentleness=Gentleness(level),
    )
    return {stage.name: stage for stage in found}


def test_stages_come_in_order_and_only_where_they_are_needed():
    assert tuple(stages(is_annealed=True)) == ORDER
    assert tuple(stages()) == tuple(name for name in ORDER if name != "anneal")
    assert tuple(stages(has_fixed_density=True)) == ("soften", "nvt", "produce")


def test_lengths_are_those_of_the_protocol():
    protocol = resolve_protocol("standard")
    for name, least, most in (
        ("npt", protocol.equilibrate_npt.duration_ps, protocol.equilibrate_npt.max_duration_ps),
        ("produce", protocol.stop.min_ps, protocol.stop.max_ps),
    ):
        stage = stages("standard")[name]
        assert stage.n_samples * stage.sample_ps == pytest.approx(least)
        assert stage.max_samples * stage.sample_ps == pytest.approx(most)
    assert stages("standard")["produce"].sample_ps == pytest.approx(protocol.frame_ps)


def test_gentler_starts_step_shorter_soften_longer_and_record_at_the_same_times():
    usual, gentle = stages(is_annealed=True), stages(is_annealed=True, level=2)
    assert gentle["produce"].timestep_ps == pytest.approx(usual["produce"].timestep_ps / 4)
    assert gentle["produce"].sample_ps == pytest.approx(usual["produce"].sample_ps)
    assert gentle["soften"].timestep_ps == pytest.approx(0.0005), "not below 0.5 fs"
    for name in ("soften", "anneal"):
        ratio = gentle[name].n_samples * gentle[name].sample_ps / (usual[name].n_samples * usual[name].sample_ps)
        assert ratio == pytest.approx(9, rel=0.05)
    assert Gentleness(2).packing_factor < Gentleness(1).packing_factor < Gentleness(0).packing_factor == 1
    assert "divided by 4" in str(Gentleness(2))


@pytest.mark.parametrize("level", [1, 2])
def test_gentler_replicas_record_with_the_others_where_frames_are_no_whole_steps(level):
    odd = {"base": "quick", "frame_ps": 0.25}
    assert stages(odd, level=level)["produce"].sample_ps == pytest.approx(stages(odd)["produce"].sample_ps, rel=1e-9)


def test_annealing_rises_to_its_peak_and_comes_back():
    stage = stages(is_annealed=True)["anneal"]
    assert stage.temperature_K(0, 300) == 300
    assert stage.temperature_K(0.125, 300) == pytest.approx(375)
    assert stage.temperature_K(0.5, 300) == 450
    assert stage.temperature_K(1, 300) == 300
    assert stages()["npt"].temperature_K(0.5, 300) == 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)", ""),
        ("1 mol/kg LiPF6 in PC", "mPa s"),
        ("3 mol/kg LiFSI in DME", "3 mol/kg of salt"),
        ("1 mol/kg LiPF6 in EMC at 253.15 K", "253.15 K, below"),
        ("1 mol/kg LiTFSI in 4-Glyme", "the viscosity of 4-Glyme is unknown"),
        ("0.5 mol/kg LiTFSI in DME:DOL 1:1 (v/v)", "lithium leaves DME slowly"),
        ("0.5 mol/kg LiTFSI in DOL", ""),
        ("DME", ""),
    ],
)
def test_slow_liquids_are_annealed_for_a_stated_reason(text, words):
    anneal, why = annealing_of(Formulation.parse(text), Anneal())
    assert words in why
    assert bool(anneal) == bool(why) == bool(words)


def test_annealing_can_be_forced_and_forbidden():
    liquid = Formulation.parse("1 mol/kg LiPF6 in PC")
    assert annealing_of(liquid, None) == annealing_of(liquid, Anneal(when="never")) == (None, "")
    assert annealing_of(Formulation.parse("AN at 298.15 K"), Anneal(when="always"))[0] == Anneal(when="always")


def test_annealing_lasts_until_chelated_lithium_can_change_its_neighbours():
    settings = Anneal(duration_ps=50, exchange_ps=400)
    lengths = {
        text: annealing_of(Formulation.parse(text), settings)[0].duration_ps
        for text in ("1 mol/kg LiTFSI in PC", "1 mol/kg LiTFSI in PC:DME 1:1 (w/w)")
    }
    assert list(lengths.values()) == [50, 400]
    longer = Anneal(duration_ps=1000, exchange_ps=400)
    assert annealing_of(Formulation.parse("1 mol/kg LiTFSI in DME"), longer)[0].duration_ps == 1000


def test_two_ether_oxygens_on_neighbouring_carbons_chelate():
    def chelate(names):
        return chelating_solvents(Formulation.parse(f"{':'.join(names)} {':'.join('1' * len(names))} (w/w)"))

    assert chelate(["DME", "2-Glyme", "4-Glyme"]) == ["DME", "2-Glyme", "4-Glyme"]
    assert chelate(["DOL", "THF", "DMM", "EC"]) == []


def test_the_viscosity_of_a_mixture_lies_between_its_solvents():
    value, unknown = solvent_viscosity_mPa_s(Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)"))
    assert 0.65 < value < 1.9
    assert unknown == []
