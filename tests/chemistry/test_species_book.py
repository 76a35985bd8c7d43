from __future__ import annotations

import csv
from pathlib import Path

import pytest
from saltloop.chemistry import FormulationError, Species, SpeciesBook, SpeciesDefinition, UnknownSpeciesError
from saltloop.chemistry.structure import estimated_apparent_molar_volume, molar_mass_and_inchikey
from saltloop.chemistry.units import CANONICAL_UNITS, dimension_of

BOOK = SpeciesBook.builtin()
LIDFOB = SpeciesDefinition(name="LiDFOB", kind="salt", smiles="[Li+].F[B-]1(F)OC(=O)C(=O)O1", aliases=("LiODFB",))


def test_the_book_has_the_12_salts_and_38_solvents_of_calisol() -> None:
    assert [one.name for one in BOOK.salts[:3]] == ["LiPF6", "LiBF4", "LiAsF6"]
    assert [one.name for one in BOOK.solvents[:3]] == ["EC", "PC", "DMC"]
    assert (len(BOOK.salts), len(BOOK.solvents)) == (12, 38)


@pytest.mark.parametrize("one", BOOK, ids=str)
def test_inchikey_and_molar_mass_follow_from_the_smiles(one: Species) -> None:
    molar_mass, inchikey = molar_mass_and_inchikey(one.smiles)
    assert inchikey == one.inchikey
    assert one.molar_mass == pytest.approx(molar_mass, abs=1e-3)


@pytest.mark.parametrize("salt", BOOK.salts, ids=str)
def test_a_salts_volume_is_the_stated_estimate(salt: Species) -> None:
    assert salt.value("apparent_molar_volume") == pytest.approx(estimated_apparent_molar_volume(salt.smiles), abs=0.06)


def test_van_der_waals_volumes_are_those_of_the_method() -> None:
    # PF6-: 24.43 + 6 x 13.31 - 6 x 5.92 = 68.77 cubic angstrom; the estimate is 1.2 times that.
    assert estimated_apparent_molar_volume("[Li+].F[P-](F)(F)(F)(F)F") == pytest.approx(
        1.2 * 68.77 * 0.602214, abs=0.01
    )
    # TDI-: an aromatic ring of five.
    assert 60 < estimated_apparent_molar_volume("[Li+].N#Cc1nc([n-]c1C#N)C(F)(F)F") < 130


@pytest.mark.parametrize("salt", BOOK.salts, ids=str)
def test_a_salt_is_written_as_lithium_and_an_anion(salt: Species) -> None:
    assert salt.smiles.startswith("[Li+].")
    assert "[Li+]" not in salt.anion_smiles
    assert "-]" in salt.anion_smiles


@pytest.mark.parametrize("one", BOOK, ids=str)
def test_every_property_has_a_source_and_its_canonical_unit(one: Species) -> None:
    for key, known in one.properties.items():
        assert known.source.strip()
        assert known.unit == CANONICAL_UNITS[key]
        assert dimension_of(known.unit)


@pytest.mark.parametrize("solvent", BOOK.solvents, ids=str)
def test_physical_properties_are_in_a_physical_order(solvent: Species) -> None:
    melting, boiling, flash = (solvent.value(key) for key in ("melting_point", "boiling_point", "flash_point"))
    if melting is not None and boiling is not None:
        assert 100 < melting < boiling < 620
    if flash is not None and boiling is not None:
        assert flash < boiling
    density = solvent.value("density")
    assert density is not None
    assert 0.7 < density < 1.7


def test_what_is_not_known_is_absent() -> None:
    assert BOOK.solvent("TFP").value("viscosity") is None
    assert BOOK.salt("LiPF6").value("boiling_point") is None


def test_reference_densities_agree(shared_data: Path) -> None:
    with (shared_data / "md_reference.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["quantity"] == "density"]
    assert len(rows) == 22
    for row in rows:
        solvent = BOOK.solvent(row["solvents"])
        at_K = solvent.properties["density"].temperature_K
        assert solvent.value("density") == pytest.approx(float(row["value"]), abs=0.0015), solvent.name
        assert at_K == pytest.approx(float(row["temperature_K"]))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("LiN(CF3SO2)2", "LiTFSI"),
        (" LiBPFPB", "LiBPFPB"),
        ("lipf6", "LiPF6"),
        ("LiOTf", "LiCF3SO3"),
        ("Lithium hexafluorophosphate", "LiPF6"),
    ],
)
def test_a_salt_is_found_by_alias_case_and_stray_blank(written: str, name: str) -> None:
    assert BOOK.salt(written).name == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("g-Butyrolactone", "GBL"),
        ("Pseudocumeme", "Pseudocumene"),
        ("ethylene carbonate", "EC"),
        ("Diglyme", "2-Glyme"),
        ("freon11", "Freon 11"),
    ],
)
def test_a_solvent_is_found_by_alias_case_and_blanks(written: str, name: str) -> None:
    assert BOOK.solvent(written).name == name


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownSpeciesError, match=r"^Solvent 'EMCC' is unknown; did you mean 'EMC'") as caught:
        BOOK.solvent("EMCC")
    assert isinstance(caught.value, KeyError)
    assert "Add your own under 'species:'" in str(caught.value)


def test_a_salt_is_not_a_solvent() -> None:
    with pytest.raises(UnknownSpeciesError, match="'LiPF6' is a salt, not a solvent"):
        BOOK.solvent("LiPF6")


@pytest.mark.parametrize("name", ["DMM", "Ethyldiglyme", "Ethylmonoglyme", "LiTFSI", "LiPDI", "LiBPFPB"])
def test_each_disagreement_with_calisol_is_noted_on_the_species(name: str) -> None:
    assert "CALiSol-23" in BOOK.find(name).note


def test_published_structures_agree_but_for_the_noted_ones(shared_data: Path) -> None:
    text = (shared_data / "calisol23_smiles.csv").read_text(encoding="utf-8-sig")
    disagreeing = set()
    for line in text.splitlines():
        *names, smiles = (piece.strip() for piece in line.split(";") if piece.strip())
        one = next((BOOK.find(name) for name in reversed(names) if name in BOOK), None)
        if one is None:
            # the published chemical names of DMM, Ethyldiglyme and Ethylmonoglyme are those of the wrong structure
            pytest.fail(f"{names} is not in the book")
        if molar_mass_and_inchikey(smiles)[1] != one.inchikey:
            disagreeing.add(one.name)
    assert disagreeing == {"DMM", "Ethyldiglyme", "Ethylmonoglyme", "LiPDI"}


def test_a_users_salt_gets_inchikey_molar_mass_and_volume_from_its_smiles() -> None:
    salt = BOOK.with_species([LIDFOB]).salt("LiODFB")
    assert salt.molar_mass == pytest.approx(143.77, abs=0.02)
    assert len(salt.inchikey) == 27
    volume = salt.properties["apparent_molar_volume"]
    assert 40 < volume.value < 110
    assert "estimate" in volume.source


def test_the_builtin_book_is_not_changed_by_a_users_species() -> None:
    BOOK.with_species([LIDFOB])
    assert "LiDFOB" not in BOOK


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"name": "X", "kind": "solvent", "smiles": "C1CC"}, "cannot be read"),
        ({"name": "EC2", "kind": "solvent", "smiles": "C1COC(=O)O1"}, "has the structure of 'EC'"),
        ({"name": "EC", "kind": "solvent", "smiles": "CCCCC#N"}, "share the name 'ec'"),
        ({"name": "X", "kind": "salt", "smiles": "CCO"}, r"write '\[Li\+\]\.<anion>'"),
        ({"name": "X", "kind": "solvent", "smiles": "CC[O-]"}, "is charged"),
        ({"name": "X", "kind": "solvent", "smiles": "CCC#N.O"}, "more than one molecule"),
    ],
)
def test_a_bad_definition_is_refused_with_the_reason(definition: dict[str, str], message: str) -> None:
    with pytest.raises(FormulationError, match=message):
        BOOK.with_species([SpeciesDefinition.model_validate(definition)])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("viscosity", 0.0),
        ("viscosity", -1.0),
        ("melting_point", -45.0),
        ("flash_point", 0.0),
        ("relative_permittivity", 0.5),
    ],
)
def test_impossible_properties_of_own_species_are_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        SpeciesDefinition.model_validate(
            {"name": "MTFEC", "kind": "solvent", "smiles": "COC(=O)OCC(F)(F)F", key: value}
        )
