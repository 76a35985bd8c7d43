"""The campaign file: every mistake is named with its line and its remedy."""

import pytest
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.settings import changed_settings, load_campaign_file

GOOD = """\
name: good
space:
  salts: [LiPF6]
  solvents: [EC, DMC]
"""


@pytest.fixture
def load(tmp_path):
    def from_text(text):
        file = tmp_path / "campaign.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_campaign_file(file)

    return from_text


def test_a_short_file_is_enough(load):
    settings = load(GOOD)
    assert settings.data == ("literature",)
    assert settings.space.temperatures_K == (298.15,)
    assert settings.oracle.kind == "openmm"


def test_the_name_defaults_to_the_files_name(load):
    assert load(GOOD.replace("name: good\n", "")).name == "campaign"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[EC, DMC]", "[EC, DMCC]"), r"line 4: space\.solvents\.1: .*'DMCC' is unknown.*'DMC'"),
        (("[LiPF6]", "[LiPF]"), r"line 3: space\.salts\.0: .*'LiPF' is unknown.*'LiPF6'"),
        (("name: good", "nmae: good"), r"line 1: nmae: there is no such setting; did you mean 'name'\?"),
        (("space:", "space:\n  temprature_K: 300"), r"line 3: space\.temprature_K: .*did you mean 'temperatures_K'"),
        (("space:", "space:\n  temperature_K: 25"), r"looks like degrees Celsius: write 298\.15"),
        (("space:", "space:\n  molality: {min: -1}"), r"line 3: space\.molality\.min: .*greater than 0 \(it is -1\)"),
        (("space:", "space:\n  molality: {min: 2, max: 1}"), r"max \(1\) is below min \(2\); swap them"),
        (("space:", "space:\n  fraction_step: 3"), r"line 3: space\.fraction_step"),
        (("[EC, DMC]", "[]"), r"line 4: space\.solvents: .*at least 1 item"),
        (("name: good", "name: ../up"), r"line 1: name: "),
        (("space:", "budget: {rounds: 0}\nspace:"), r"line 2: budget\.rounds: "),
        (("space:", "budget: {rounds: 1}\nspace:\n  basis: mole\n  basis: mass"), r"line 5: 'basis' .* in line 4"),
        (("space:", "budget: {money: .inf}\nspace:"), r"line 2: \.inf is no number to go by"),
        (("space:", "space:\n  exclude: [[EC, DNC]]"), r"line 3: space\.exclude\.0: .*'DNC'"),
    ],
)
def test_a_mistake_is_named_with_its_line(load, change, message):
    with pytest.raises(CampaignFileError, match=message):
        load(GOOD.replace(*change))


def test_every_mistake_is_named_at_once(load):
    with pytest.raises(CampaignFileError) as caught:
        load(GOOD.replace("[EC, DMC]", "[ECC, DMCC]"))
    assert "ECC" in str(caught.value)
    assert "DMCC" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"- a\n- list\n", "is empty or holds no settings"),
        (b"a: [1, 2\nb: 3\n", "line 2: not valid YAML"),
        (b"\x80\x81\x00\xff", "is not a text file"),
        (b"space: {solvents: [EC]}", r"space\.salts: is missing; add it"),
        (b"name: 2026-13-45\n", "not valid YAML: month must be in"),
        (b"name: " + b"[" * 5000, "not valid YAML"),
        (b"name: &me [*me]\n", "not valid YAML"),
    ],
)
def test_nonsense_is_refused(load, content, message):
    with pytest.raises(CampaignFileError, match=message):
        load(content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CampaignFileError, match=r"There is no campaign file .*nowhere\.yaml"):
        load_campaign_file(tmp_path / "nowhere.yaml")


def test_a_users_own_species_may_be_used(load):
    settings = load(
        GOOD.replace("[EC, DMC]", "[EC, MyEther]")
        + "species:\n  - {name: MyEther, kind: solvent, smiles: CCCOCCC, density: 0.75}\n"
    )
    assert settings.species_book().solvent("MyEther").molar_mass == pytest.approx(102.18, abs=0.01)


def test_a_species_with_an_unreadable_smiles_is_named(load):
    with pytest.raises(CampaignFileError, match=r"species.*(?s:.*)C1CC"):
        load(GOOD + "species:\n  - {name: Broken, kind: solvent, smiles: C1CC}\n")


def test_changed_settings_are_listed_by_dotted_name():
    changes = changed_settings({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 5}, "d": 3, "e": 4})
    assert changes == {"a.c": (2, 5), "e": (None, 4)}
