"""The oracle over any forces, and simulations at a given density, on boxes of about 200 atoms."""

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.forces.forcefield import ClassicalForceField
from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.md.md_oracle import MDOracle
from saltloop.simulators.md.protocols import resolve_protocol
from saltloop.simulators.oracle import UnsupportedFormulationError
from tiny_protocol import TINY

BOOK = SpeciesBook.builtin()
LIQUID = Formulation.parse("1.5 mol/kg LiBF4 in AN at 298.15 K")


def oracle(name="other", **overrides):
    forces = ClassicalForceField(ForceFieldSettings(cutoff_nm=0.5))
    return MDOracle(resolve_protocol({**TINY, **overrides}), BOOK, forces, name=name, source=name, platform="CPU")


def test_an_oracle_over_any_forces_names_itself_in_its_results_and_refusals(tmp_path):
    other = oracle(density="given", density_g_cm3=0.85)
    outcome = other.run(LIQUID, tmp_path, seed=1)
    assert {one.source for one in outcome.measurements} == {"other"}
    with pytest.raises(UnsupportedFormulationError, match="The other oracle"):
        other.check(Formulation.parse("1 mol/kg LiPF6 in EC at 180 K"))


def test_a_given_density_is_kept_and_not_measured(tmp_path):
    outcome = oracle(density="given", density_g_cm3=0.85).run(LIQUID, tmp_path, seed=1)
    assert "density" not in [one.quantity for one in outcome.measurements]
    assert outcome.provenance["density"] == {"fixed_g_cm3": 0.85, "how": "given in the protocol"}
    assert not list((tmp_path / "md").glob("npt-*"))
    from saltloop.simulators.md.boxes import contents_of

    contents = contents_of(LIQUID, oracle().protocol.box, BOOK)
    assert outcome.provenance["results"]["box_nm"] == pytest.approx(contents.edge_nm(0.85), abs=1e-4)


def test_a_density_without_a_number_is_the_oracle_s_choice_and_said(tmp_path):
    class Chooses(MDOracle):
        def given_density(self, formulation):
            return 0.8, "chosen by the test"

    chooses = oracle(density="given")
    chooses.__class__ = Chooses
    outcome = chooses.run(LIQUID, tmp_path, seed=1)
    assert outcome.provenance["density"] == {"fixed_g_cm3": 0.8, "how": "chosen by the test"}
    assert "estimated" in oracle(density="given").given_density(LIQUID)[1]


def test_stages_may_have_masses_of_their_own(tmp_path):
    heavy = {"mass_u": 3.016, "is_taken_from_neighbour": False}
    outcome = oracle(
        density="given",
        density_g_cm3=0.85,
        soften={"hydrogens": heavy},
        equilibrate_nvt={"hydrogens": heavy, "timestep_fs": 2.0, "duration_ps": 0.2},
        produce={"timestep_fs": 2.0, "duration_ps": 2.0, "hydrogens": {"mass_u": 1.008}},
    ).run(LIQUID, tmp_path, seed=1)
    assert outcome.failure is None
    assert outcome.provenance["results"]["mean_temperature_K"] == pytest.approx(298.15, rel=0.1)
