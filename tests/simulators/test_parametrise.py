"""A user's own molecules: refused with a reason, or parametrised once, kept and found again."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.loop.commands.data import data
from saltloop.simulators.forces import parametrise
from saltloop.simulators.forces.one_molecule import minimised, relaxed
from saltloop.simulators.forces.parametrise import ParametrisationError, ensure_parameters, refusal
from saltloop.simulators.forces.species_parameters import all_parameters, cache_path, parameters_of, remember
from saltloop.simulators.md import md_oracle
from saltloop.simulators.md.openmm_oracle import OpenMMOracle
from saltloop.simulators.md.protocols import resolve_protocol
from saltloop.simulators.oracle import UnsupportedFormulationError

BOOK = SpeciesBook.builtin().with_species(
    [
        SpeciesDefinition(name="VC", kind="solvent", smiles="C1=COC(=O)O1", density=1.355),
        SpeciesDefinition(name="TMS", kind="solvent", smiles="C[Si](C)(C)C", density=0.648),
        SpeciesDefinition(name="TEMPO", kind="solvent", smiles="CC1(C)CCCC(C)(C)N1[O]"),
        SpeciesDefinition(name="LiTFA", kind="salt", smiles="[Li+].[O-]C(=O)C(F)(F)F"),
    ]
)
VC, TFA = BOOK.solvent("VC"), BOOK.salt("LiTFA")
LIQUID = Formulation.parse("1 mol/kg LiPF6 in VC", species=BOOK)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SALTLOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def has_openff(monkeypatch):
    """As if the extra were installed; making parameters takes ethylene carbonate's."""
    made = []

    def fake(name, smiles, inchikeys, *, kind="solvent"):
        made.append(smiles)
        return all_parameters()["EC"].model_copy(update={"name": smiles, "inchikeys": inchikeys, "kind": kind})

    monkeypatch.setattr(parametrise, "_is_installed", lambda package: True)
    monkeypatch.setattr(parametrise, "parametrise", fake)
    return made


def oracle():
    return OpenMMOracle(resolve_protocol("demo"), BOOK)


@pytest.mark.parametrize(("name", "words"), [("TMS", "none for Si"), ("TEMPO", "radical")])
def test_what_the_force_field_does_not_cover_is_refused(name, words, has_openff):
    assert words in refusal(BOOK.solvent(name))
    with pytest.raises(ParametrisationError, match=name):
        ensure_parameters([BOOK.solvent(name)])


def test_without_the_packages_the_refusal_names_the_command(monkeypatch):
    monkeypatch.setattr(parametrise, "_is_installed", lambda package: False)
    assert "pip install 'saltloop[forcefield]'" in refusal(VC)
    with pytest.raises(UnsupportedFormulationError, match=r"VC.*saltloop\[forcefield\]"):
        oracle().check(LIQUID)


def test_a_species_is_parametrised_once_and_found_under_its_own_name(has_openff, cache):
    messages = []
    assert parameters_of(VC) is None
    assert len(ensure_parameters([VC, BOOK.solvent("EC")], lambda done, what: messages.append(what))) == 1
    assert messages == ["force-field parameters of VC (1 of 1)"]
    assert ensure_parameters([VC]) == []
    assert has_openff == [VC.smiles]
    assert parameters_of(VC).name == "VC"
    assert cache_path(VC.inchikey).parent == cache / "parameters"


def test_a_salt_s_anion_is_parametrised_without_lithium(has_openff):
    ensure_parameters([TFA])
    assert has_openff == ["O=C([O-])C(F)(F)F"]
    assert parameters_of(TFA).name == "LiTFA anion"
    assert parameters_of(TFA).kind == "anion"


def test_check_makes_nothing_and_run_makes_what_is_missing(has_openff, tmp_path, cache, monkeypatch):
    oracle().check(LIQUID)
    assert not has_openff
    assert not cache.exists()

    def stop(*arguments, **settings):
        raise InterruptedError

    monkeypatch.setattr("saltloop.simulators.md.boxes.contents_of", stop)
    with pytest.raises(InterruptedError):
        oracle().run(LIQUID, tmp_path / "job", seed=1)
    assert has_openff == [VC.smiles]


def test_a_molecule_that_cannot_be_parametrised_after_all_is_a_visible_failure(has_openff, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise ParametrisationError("No force-field parameters for VC: no angle for C-O-C")

    monkeypatch.setattr(md_oracle, "ensure_parameters", refuse)
    outcome = oracle().run(LIQUID, tmp_path, seed=1)
    assert outcome.failure.kind == "parameters"
    assert not outcome.failure.is_retryable
    assert "no angle" in outcome.failure.reason


def test_a_damaged_file_in_the_cache_is_named():
    path = remember(all_parameters()["EC"].model_copy(update={"inchikeys": (VC.inchikey,)}))
    path.write_text("{")
    with pytest.raises(DataError, match="is damaged; delete it"):
        parameters_of(VC)


def test_parameters_survive_the_cache_unchanged():
    remember(all_parameters()["PC"].model_copy(update={"inchikeys": (VC.inchikey,)}))
    assert parameters_of(VC).physics() == {**all_parameters()["PC"].physics(), "name": "VC"}


def test_physics_is_blind_to_where_parameters_come_from():
    one = all_parameters()["EC"]
    assert one.model_copy(update={"provenance": {}, "inchikeys": ()}).physics() == one.physics()
    assert one.model_copy(update={"scale14_lj": 0.4}).physics() != one.physics()


def test_the_provenance_says_which_species_have_parameters_of_our_own():
    forces = oracle().forces
    own = forces.describe([(all_parameters()["BOB-"], 1), (all_parameters()["EC"], 1)])
    assert list(own["but"]) == ["BOB-"]
    assert "but" not in forces.describe([(all_parameters()["PF6-"], 1)])


def test_relaxing_a_shipped_geometry_leaves_it_where_it_is():
    one = all_parameters()["EC"]
    assert np.abs(np.array(relaxed(one).coordinates) - np.array(one.coordinates)).max() < 2e-4
    assert minimised(one, np.array(one.coordinates)).shape == (10, 3)


def run_command(*arguments, code=0):
    result = CliRunner().invoke(data, ["parameters", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_command_lists_shows_and_makes_parameters(has_openff):
    assert "PF6-" in run_command().output
    assert "CL&P" in run_command("LiPF6").output
    first = run_command("--smiles", VC.smiles)
    assert "kept in" in first.output
    assert "kept in" not in run_command("--smiles", VC.smiles).output
    assert len(has_openff) == 1


def test_listing_parameters_loads_neither_openff_nor_openmm():
    code = (
        "import sys; from saltloop.chemistry.species import SpeciesBook; "
        "from saltloop.simulators.forces.parametrise import refusal; "
        "from saltloop.simulators.forces.species_parameters import parameters_of; "
        "[parameters_of(one) for one in SpeciesBook.builtin()]; "
        "print([name for name in ('openff', 'openmm', 'torch', 'rdkit') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.slow
def test_sage_makes_a_neutral_molecule_and_an_anion():
    pytest.importorskip("openff.interchange")
    pytest.importorskip("openff.nagl")
    for species in (VC, TFA):
        made = ensure_parameters([species])[0]
        assert sum(atom.charge for atom in made.atoms) == pytest.approx(made.formal_charge, abs=1e-9)
        assert made.provenance["energy_check"]["max_energy_deviation_from_interchange_kJ_mol"] < 1e-4
