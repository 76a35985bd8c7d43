"""Quantum-chemical descriptors: the shipped table, the cache, the command, and real computations of small molecules."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from saltloop.chemistry import SpeciesBook, SpeciesDefinition
from saltloop.chemistry.errors import DataError
from saltloop.loop.commands.data import data
from saltloop.surrogates import quantum
from saltloop.surrogates.quantum import (
    QUANTUM_NAMES,
    QuantumRecord,
    compute_quantum,
    known_record,
    quantum_descriptors,
    read_records,
    remember,
    shipped_records,
    write_records,
)
from saltloop.surrogates.quantum_electrons import electrons
from saltloop.surrogates.quantum_geometry import Geometry, QuantumError, relaxed, relaxed_with_lithium

BUILTIN = list(SpeciesBook.builtin())
VINYLENE_CARBONATE = "O=C1OC=CO1"
COLUMN = {name: place for place, name in enumerate(QUANTUM_NAMES)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of our own."""
    monkeypatch.setenv("SALTLOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def record():
    return QuantumRecord(
        inchikey="VAYTZRYEBVHVLE-UHFFFAOYSA-N",
        name='VC, "vinylene"',
        smiles=VINYLENE_CARBONATE,
        charge=0,
        energy_Eh=-380.5,
        homo_eV=-7.5,
        missing="li_binding_kJ_mol: a reason, with a comma",
    )


def of(name):
    return quantum_descriptors([SpeciesBook.builtin().find(name)])[0]


def run(*arguments, code=0):
    result = CliRunner().invoke(data, ["descriptors", *arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("species", BUILTIN, ids=lambda one: one.name)
def test_every_builtin_species_has_each_value_or_a_reason_why_not(species):
    record = known_record(species.smiles)
    assert record is not None
    assert record.name == species.name
    for name in QUANTUM_NAMES:
        assert getattr(record, name) is not None or record.missing, name
    if record.energy_Eh is not None:
        assert record.versions.startswith("pyscf ")
        assert record.wall_time_s > 0


def test_the_table_holds_the_builtin_species_and_no_others():
    assert sorted(one.name for one in shipped_records().values()) == sorted(one.name for one in BUILTIN)


def test_values_lie_where_gas_phase_molecules_and_ions_do():
    values = quantum_descriptors(BUILTIN)
    is_known = ~np.isnan(values[:, 0])
    assert is_known.sum() >= 40
    values = values[is_known]
    is_anion = np.array([one.kind == "salt" for one in BUILTIN])[is_known]
    homo, lumo, dipole, polarisability, least, most, binding = values.T
    assert (homo < lumo).all()
    assert ((homo > -13) & (homo < -2)).all()
    assert ((dipole >= 0) & (dipole < 12)).all()
    assert np.nanmin(polarisability) > 2
    assert np.nanmax(polarisability) < 60
    assert (least[~is_anion] < 0).all()
    assert (most[~is_anion] > 0).all()
    assert (most[is_anion] < 0).all()
    assert (least < most).all()
    assert np.nanmin(binding[is_anion]) > np.nanmax(binding[~is_anion])
    assert np.nanmin(binding) > 50


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ("DMSO", "AN"),
        ("DMF", "AN"),
        ("PC", "Methylene chloride"),
        ("DME", "THF"),
        ("2-Glyme", "DME"),
        ("Ethyldiglyme", "Ethylmonoglyme"),
        ("EC", "FEC"),
        ("LiBF4", "LiPF6"),
        ("LiCF3SO3", "LiTFSI"),
    ],
)
def test_lithium_binds_in_the_order_that_donors_and_chelates_have(stronger, weaker):
    assert of(stronger)[COLUMN["li_binding_kJ_mol"]] > of(weaker)[COLUMN["li_binding_kJ_mol"]]


def test_fluorine_lowers_the_orbitals_of_ethylene_carbonate():
    assert of("FEC")[COLUMN["homo_eV"]] < of("EC")[COLUMN["homo_eV"]]
    assert of("FEC")[COLUMN["lumo_eV"]] < of("EC")[COLUMN["lumo_eV"]]


def test_a_salt_has_the_descriptors_of_its_anion():
    record = known_record("[Li+].F[P-](F)(F)(F)(F)F")
    assert record == known_record("F[P-](F)(F)(F)(F)F")
    assert record.charge == -1


def test_an_unknown_species_has_no_values():
    book = SpeciesBook.builtin().with_species([SpeciesDefinition(name="VC", kind="solvent", smiles=VINYLENE_CARBONATE)])
    values = quantum_descriptors([book.solvent("VC"), book.solvent("EC")])
    assert values.shape == (2, len(QUANTUM_NAMES))
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()


def test_reading_descriptors_loads_neither_pyscf_nor_xtb():
    code = (
        "import sys; from saltloop.chemistry import SpeciesBook; from saltloop.surrogates.quantum import "
        "quantum_descriptors; quantum_descriptors(list(SpeciesBook.builtin())); "
        "print([name for name in ('pyscf', 'tblite', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_data_command_loads_no_chemistry_before_it_runs():
    code = "import sys; import saltloop.loop.commands.descriptors; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_remembered_record_is_found_again(record):
    assert known_record(VINYLENE_CARBONATE) is None
    remember(record)
    assert known_record("C1=COC(=O)O1") == record


def test_a_damaged_record_names_its_file(record):
    remember(record).write_text("{")
    with pytest.raises(DataError, match=r"VAYTZRYEBVHVLE.*is damaged; delete it"):
        known_record(VINYLENE_CARBONATE)


def test_a_cache_that_cannot_be_written_says_what_to_set(record, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="set SALTLOOP_CACHE"):
        remember(record)


def test_a_table_survives_writing_and_reading(record, tmp_path):
    write_records(tmp_path / "table.csv", [record])
    assert read_records(tmp_path / "table.csv") == [record]


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not a table of quantum-chemical descriptors"):
        read_records(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("C1CC", "cannot be read"),
        ("CC.CO", "not one molecule"),
        ("[Li+]", "not one molecule"),
        ("", "has no InChIKey"),
    ],
)
def test_nonsense_is_refused_by_name(smiles, words):
    with pytest.raises(QuantumError, match=words) as caught:
        compute_quantum(smiles)
    assert repr(smiles) in str(caught.value)


def test_a_radical_is_refused():
    with pytest.raises(QuantumError, match=r"\[CH3\].*odd number of electrons"):
        compute_quantum("[CH3]")


def test_the_command_prints_every_species():
    lines = run().output.splitlines()
    assert "HOMO/eV" in lines[0]
    assert any(line.startswith("LiTFSI") for line in lines)
    assert any(line.startswith("EC ") for line in lines)


def test_the_command_prints_one_species_with_its_method():
    output = run("--species", "EC").output
    assert "B3LYP/6-31+G*" in output
    assert "GFN2-xTB" in output
    assert json.loads(run("--species", "EC", "--json").output)[0]["inchikey"] == "KMTRUDSVKNLOMY-UHFFFAOYSA-N"


def test_the_command_computes_a_new_structure_once(record, monkeypatch):
    calls = []
    monkeypatch.setattr(quantum, "compute_quantum", lambda smiles, progress: calls.append(smiles) or record)
    first, second = run("--smiles", VINYLENE_CARBONATE), run("--smiles", VINYLENE_CARBONATE)
    assert calls == [VINYLENE_CARBONATE]
    assert "-7.50 eV" in first.stdout
    assert first.stdout == second.stdout


def test_recomputing_goes_on_where_it_stopped(record, monkeypatch, tmp_path):
    computed = []

    def compute(smiles, *, name, progress):
        computed.append(name)
        if name == "DMC":
            raise QuantumError("does not converge")
        return record.model_copy(update={"name": name, "energy_Eh": -1.0, "wall_time_s": 1.0})

    monkeypatch.setattr(quantum, "compute_quantum", compute)
    out = str(tmp_path / "table.csv")
    run("--recompute", "EC", "DMC", "--out", out)
    run("--recompute", "AN", "EC", "--out", out)
    assert computed == ["EC", "DMC", "AN"]
    found = {one.name: one for one in read_records(tmp_path / "table.csv")}
    assert sorted(found) == ["AN", "DMC", "EC"]
    assert found["DMC"].missing == "does not converge"
    assert found["DMC"].homo_eV is None


def test_recomputing_needs_a_file():
    assert "belong together" in run("--recompute", "EC", code=2).output


def test_an_ether_folds_around_lithium():
    found = relaxed_with_lithium("COCCOC")
    oxygens = found.positions_bohr[found.numbers == 8]
    assert (np.linalg.norm(oxygens - found.positions_bohr[-1], axis=1) * 0.529177 < 2.0).all()


def test_a_hexafluoride_without_force_field_becomes_an_octahedron():
    found = relaxed("F[P-](F)(F)(F)(F)F")
    phosphorus = found.positions_bohr[found.numbers == 15]
    bonds_A = np.linalg.norm(found.positions_bohr[found.numbers == 9] - phosphorus, axis=1) * 0.529177
    assert bonds_A == pytest.approx(1.63, abs=0.05)


@pytest.mark.slow
def test_hydrogen_fluoride_at_its_measured_bond_length():
    # Bond 0.917 A, dipole 1.826 D (CRC Handbook): B3LYP in a basis with diffuse functions comes out a little higher.
    bond_bohr = 0.917 / 0.529177
    place = Geometry(np.array([1, 9]), np.array([[0, 0, 0], [0, 0, bond_bohr]]), 0, 0.0)
    found = electrons(place, lambda done, what: None)
    assert found.dipole_D == pytest.approx(1.9, abs=0.15)
    assert found.homo_eV == pytest.approx(-11.3, abs=0.5)
    assert 0.4 < found.polarisability_A3 < 0.83
    assert found.esp_min_kJ_mol < -80
    assert found.esp_max_kJ_mol > 180


@pytest.mark.slow
def test_a_fresh_computation_repeats_the_shipped_row():
    steps = []
    fresh = compute_quantum("CC#N", progress=lambda done, what: steps.append(done))
    shipped = known_record("CC#N")
    assert fresh.energy_Eh == pytest.approx(shipped.energy_Eh, abs=1e-4)
    for name in QUANTUM_NAMES:
        tolerance = 1.0 if name.endswith("kJ_mol") else 0.02
        assert getattr(fresh, name) == pytest.approx(getattr(shipped, name), abs=tolerance), name
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


@pytest.mark.slow
def test_iodine_beyond_the_basis_has_another_with_a_core_potential():
    found = electrons(relaxed("CI"), lambda done, what: None)
    assert found.dipole_D == pytest.approx(1.64, abs=0.2)  # iodomethane, measured: 1.64 D (CRC Handbook)
