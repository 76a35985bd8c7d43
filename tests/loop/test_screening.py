"""Screening: candidates by number, scored once each, ranked into one file that is there whole or not at all."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.screening import screening
from saltloop.loop.screening.folder import ScreeningError, parts_folder
from saltloop.loop.screening.parts import Part, merged, sort_keys
from saltloop.loop.screening.screening import screen
from saltloop.loop.screening.settings import load_space
from saltloop.loop.screening.table import best_rows, read_metadata
from saltloop.loop.screening.work import ScreeningPlan
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.columns import EncoderColumns
from saltloop.loop.space.mixtures import EXCLUDED
from saltloop.loop.space.rules import NO_LIQUID, SOLID
from saltloop.loop.space.settings import SpaceSettings
from saltloop.surrogates.encoding import FormulationEncoder

BOOK = SpeciesBook.builtin()
ENCODER = FormulationEncoder(BOOK, [s.name for s in BOOK.salts], [s.name for s in BOOK.solvents])
SMALL = {
    "salts": ["LiPF6", "LiBF4"],
    "solvents": ["EC", "DMC", "AN", "FEC"],
    "concentration": {"min": 0.5, "max": 1.5, "step": 0.5},
    "temperatures_K": [260, 298.15],
    "max_solid_fraction": 1,
}


class ToyScorer:
    """Conductivity from a formula over the encoded columns; fails at call ``fail_at``."""

    def __init__(self, fail_at=None):
        self.n_rows, self.n_calls, self.fail_at = 0, 0, fail_at

    def predict_encoded(self, X):
        self.n_calls += 1
        if self.n_calls == self.fail_at:
            raise RuntimeError("out of memory")
        self.n_rows += len(X)
        molality = X[:, ENCODER.salt_slice].sum(1)
        weights = torch.linspace(1, 3, len(ENCODER.solvents), dtype=torch.double)
        mean = molality * torch.exp(-molality) * (X[:, ENCODER.solvent_slice] @ weights) * X[:, -1] / 30
        return mean, 0.1 + mean * (X[:, 0] > 0)


def space(**values):
    return CandidateSpace(SpaceSettings.model_validate({**SMALL, **values}), BOOK)


def run(candidates, out, scorer=None, **plan):
    columns = EncoderColumns.of(ENCODER, candidates)
    return screen(candidates, scorer or ToyScorer(), columns, out, ScreeningPlan(**plan), identity={"model": "toy"})


def frame(path):
    return parquet.read_table(path).to_pandas()


@pytest.fixture
def short_parts(monkeypatch):
    """Parts of 50 candidates, so that a small space has several."""
    monkeypatch.setattr(screening, "LEAST_PART", 50)


def test_scans_space_has_each_salt_once_and_scans_own_count_has_one_twice():
    assert len(CandidateSpace(load_space("scan").settings, BOOK)) == 12 * 703 * 9 * 7 * 10 * 2 == 10_629_360
    assert len(CandidateSpace(load_space("scan-as-counted").settings, BOOK)) == 11_515_140


def test_the_file_is_ranked_and_complete(tmp_path, short_parts):
    candidates = space(max_solvents=3)
    result = run(candidates, tmp_path / "out.parquet")
    table = frame(result.path)
    assert result.n_rows == len(table) == len(candidates)
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["mean_mS_cm"].is_monotonic_decreasing
    X = ENCODER.encode([candidates.formulation(i) for i in range(len(candidates))])
    expected = np.sort(ToyScorer().predict_encoded(X)[0].numpy())[::-1]
    np.testing.assert_allclose(table["mean_mS_cm"], expected, rtol=1e-5)
    assert not parts_folder(result.path).exists()


def test_rows_say_what_was_scored(tmp_path):
    result = run(space(concentration_units=["mol/L"]), tmp_path / "out.parquet", keep=7)
    for row in best_rows(result.path, 7, BOOK):
        from saltloop.chemistry.formulation import Formulation

        X = ENCODER.encode([Formulation.parse(row["formulation"])])
        assert ToyScorer().predict_encoded(X)[0].item() == pytest.approx(row["mean_mS_cm"], rel=1e-5)
        assert X[0, ENCODER.salt_slice].sum().item() == pytest.approx(row["molality_mol_kg"], rel=1e-6)


def test_keep_writes_the_best_few(tmp_path, short_parts):
    everything = frame(run(space(), tmp_path / "all.parquet").path)
    few = frame(run(space(), tmp_path / "few.parquet", keep=60).path)
    assert len(few) == 60
    assert few["mean_mS_cm"].tolist() == everything["mean_mS_cm"][:60].tolist()


def test_candidates_are_ranked_by_the_lower_bound_if_asked(tmp_path):
    table = frame(run(space(), tmp_path / "out.parquet", rank="lower", width=1.0).path)
    assert table["lower_mS_cm"].is_monotonic_decreasing
    assert not table["mean_mS_cm"].is_monotonic_decreasing
    np.testing.assert_allclose(table["lower_mS_cm"], table["mean_mS_cm"] - table["std_mS_cm"], rtol=1e-5, atol=1e-6)


def test_distinct_shows_each_salt_and_set_of_solvents_once(tmp_path):
    rows = best_rows(run(space(), tmp_path / "out.parquet").path, 100, BOOK, is_distinct=True)
    assert len(rows) == 2 * (4 + 6)


def test_a_flag_of_the_surrogate_is_kept(tmp_path):
    class Flagging(ToyScorer):
        def in_domain_encoded(self, X):
            return X[:, -1] > 280

    table = frame(run(space(), tmp_path / "out.parquet", Flagging()).path)
    assert (table["in_domain"] == (table["temperature_K"] > 280)).all()
    assert "in_domain" not in frame(run(space(), tmp_path / "plain.parquet").path)


def test_what_is_dropped_is_counted(tmp_path):
    candidates = space(
        salts=["LiPF6", "LiBPFPB"], concentration=[1.0, 5.0], concentration_units=["mol/L"], max_solid_fraction=0.3,
        exclude=[["LiPF6", "FEC"]], constraints=("flash_point_C > 0", "mean > 1"),
    )  # fmt: skip
    result = run(candidates, tmp_path / "out.parquet")
    assert {NO_LIQUID, SOLID, EXCLUDED} < set(result.dropped)
    assert sum(result.dropped.values()) + result.n_rows == len(candidates)
    assert read_metadata(result.path)["dropped"] == result.dropped
    assert "a value that 'flash_point_C > 0' needs is not known" in result.dropped


def test_a_space_of_which_nothing_is_left_gives_an_empty_file(tmp_path):
    result = run(space(constraints=("mean > 1000",)), tmp_path / "out.parquet")
    assert result.n_rows == len(frame(result.path)) == 0
    assert best_rows(result.path, 5, BOOK) == []


def test_what_a_constraint_drops_beforehand_is_not_scored(tmp_path):
    scorer = ToyScorer()
    result = run(space(constraints=('salt == "LiPF6"',)), tmp_path / "out.parquet", scorer)
    assert scorer.n_rows == result.n_rows == len(space()) / 2


def test_a_run_that_dies_leaves_no_file_and_goes_on(tmp_path, short_parts):
    out = tmp_path / "out.parquet"
    with pytest.raises(RuntimeError, match="out of memory"):
        run(space(), out, ToyScorer(fail_at=4), workers=1)
    assert not out.exists()
    scorer = ToyScorer()
    result = run(space(), out, scorer, workers=1)
    assert result.n_resumed >= 150
    assert scorer.n_rows == len(space()) - result.n_resumed
    untouched = run(space(), tmp_path / "untouched.parquet")
    assert frame(out).equals(frame(untouched.path))


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_was(tmp_path, short_parts):
    out = tmp_path / "out.parquet"
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_screening as t
class Slow(t.ToyScorer):
    def predict_encoded(self, X):
        time.sleep(0.2)
        return super().predict_encoded(X)
t.screening.LEAST_PART = 50
t.run(t.space(max_solvents=3), t.Path({str(out)!r}), Slow())
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    while len(list(parts_folder(out).glob("part-*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not out.exists()
    result = run(space(max_solvents=3), out)
    assert result.n_resumed >= 150
    assert frame(out).equals(frame(run(space(max_solvents=3), tmp_path / "untouched.parquet").path))


def test_a_run_that_dies_while_writing_leaves_no_file(tmp_path, monkeypatch):
    out = tmp_path / "out.parquet"

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(screening.RankedTable, "finish", full)
    with pytest.raises(OSError, match="no space left"):
        run(space(), out)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet.parts"]
    scorer = ToyScorer()
    assert run(space(), out, scorer).n_rows == len(space())
    assert scorer.n_rows == 0


def test_parts_of_another_screening_are_not_mixed_in(tmp_path, short_parts):
    out = tmp_path / "out.parquet"
    with pytest.raises(RuntimeError):
        run(space(), out, ToyScorer(fail_at=3))
    with pytest.raises(ScreeningError, match=r"another screening \(it differs in space\)"):
        run(space(constraints=("mean > 1",)), out)


@given(st.lists(st.lists(st.floats(-50, 50, width=32), max_size=40), min_size=1, max_size=5), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_merged_parts_are_one_ranking(values, block):
    parts, start, everything = [], 0, []
    for part in values:
        mean = np.array(part, np.float32)
        keys = sort_keys(mean, np.arange(len(mean)))
        order = np.argsort(keys)
        flags = np.zeros(len(mean), np.uint8)
        parts.append(Part(start, keys[order], mean[order], mean[order], flags, {}))
        everything += part
        start += len(part)
    blocks = list(merged(parts, block=block))
    found = np.concatenate([b.mean for b in blocks]) if blocks else np.zeros(0)
    assert found.tolist() == sorted(np.array(everything, np.float32).tolist(), reverse=True)
    index = np.concatenate([b.index for b in blocks]) if blocks else np.zeros(0, int)
    assert sorted(index.tolist()) == list(range(start))
    assert np.array_equal(np.array(everything, np.float32)[index.astype(int)], found)


def test_a_campaigns_space_is_understood(tmp_path):
    file = tmp_path / "campaign.yaml"
    file.write_text(
        "space: {salts: [LiPF6], solvents: [EC, EMC, NEW], molality: {min: 0.8, max: 1.2, step: 0.2}, "
        "temperature_K: 313.15}\nspecies: [{name: NEW, kind: solvent, smiles: CCOC(=O)CF}]\n"
    )
    loaded = load_space(str(file))
    candidates = CandidateSpace(loaded.settings, loaded.book)
    assert len(candidates) == (3 + 3 * 9) * 3
    assert str(candidates.formulation(0)) == "0.8 mol/kg LiPF6 in EC at 313.15 K"


def test_a_solvent_without_density_is_kept_where_no_density_is_needed(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text(
        "salts: [LiPF6]\nsolvents: [EC, NEW]\nconcentration_units: [mol/kg, mol/L]\n"
        "species: [{name: NEW, kind: solvent, smiles: CCOC(=O)CF}]\n"
    )
    loaded = load_space(str(file))
    candidates = CandidateSpace(loaded.settings, loaded.book)
    chosen = candidates.decode(np.arange(len(candidates)))
    is_missing = np.isnan(chosen.molality)
    has_new = (chosen.solvents == 1).any(axis=1)
    assert (is_missing == (has_new & (chosen.unit == 1))).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slats: [LiPF6]", "slats: there is no such setting; did you mean 'salts'?"),
        ("temperatures_K: [25]", "25 looks like degrees Celsius: write 298.15"),
        ("concentration: {min: 2, max: 1, step: 0.1}", r"max \(1\) is below min \(2\)"),
        ("concentration: []", "concentration: is empty"),
        ("solvents: [EMCC]", "did you mean 'EMC'"),
        ("max_solvents: 5", "max_solvents: Input should be less than or equal to 4"),
        ("min_solvents: 3", r"max_solvents \(2\) is below min_solvents \(3\)"),
        ("a: [", "not valid YAML"),
        ("space:", "space: None holds no settings"),
        ("space: [LiPF6]", r"space: \['LiPF6'\] holds no settings"),
        ("species: {name: X}", "species: {'name': 'X'} is no list"),
    ],
)
def test_a_mistake_in_a_space_file_is_named(tmp_path, text, message):
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(CampaignFileError, match=message):
        load_space(str(file))


def test_the_space_file_of_the_documentation_can_be_used(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "screening.md").read_text().split("```yaml")[1].split("```")[0]
    file = tmp_path / "space.yaml"
    file.write_text(text)
    loaded = load_space(str(file))
    assert len(CandidateSpace(loaded.settings, loaded.book)) > 1e7


def test_an_unknown_space_lists_those_that_have_a_name():
    with pytest.raises(CampaignFileError, match="named ones: scan, scan-as-counted"):
        load_space("scam")


def test_a_surrogate_that_lacks_a_species_says_which():
    encoder = FormulationEncoder(BOOK, ["LiPF6"], ["EC", "DMC"])
    with pytest.raises(CampaignFileError, match="no column for AN, FEC, LiBF4"):
        EncoderColumns.of(encoder, space())


def test_the_landscape_is_drawn(tmp_path):
    from saltloop.loop.screening.plot import plot_landscape

    result = run(space(max_solvents=3, constraints=('share("FEC") < 0.9',)), tmp_path / "out.parquet")
    words = plot_landscape(result.path, tmp_path / "landscape.picture")  # a PNG, whatever its name ends in
    assert (tmp_path / "landscape.picture").stat().st_size > 10_000
    assert f"{frame(result.path)['mean_mS_cm'].max():.1f} ±" in words


def test_the_best_is_told_with_all_its_solvents_and_salts(tmp_path):
    from saltloop.loop.screening.plot import plot_landscape

    candidates = space(
        max_salts=2, min_salts=2, salt_fraction_step=0.25, max_solvents=4, min_solvents=4, fraction_step=0.25,
        min_fraction=0.25,
    )  # fmt: skip
    path = run(candidates, tmp_path / "out.parquet").path
    best = frame(path).iloc[0]
    words = plot_landscape(path, tmp_path / "landscape.png")
    salts = f"LiPF6:LiBF4 {1 - best['salt_2_fraction']:g}:{best['salt_2_fraction']:g}"
    assert f"mol/kg {salts} in EC:DMC:AN:FEC at" in words


def test_the_landscape_holds_the_best_of_each_pair(tmp_path):
    from saltloop.loop.screening.landscape import read_landscape

    path = run(space(), tmp_path / "out.parquet").path
    sums, table = read_landscape(path), frame(path)
    pair = table[(table.solvent_1 == "EC") & (table.solvent_2 == "AN") & (table.temperature_K == 298.15)]
    ec, an = sums.solvents.index("EC"), sums.solvents.index("AN")
    assert sums.best_of_pair[ec, an] == sums.best_of_pair[an, ec] == pytest.approx(pair["mean_mS_cm"].max())
    assert sums.counts.sum() == sums.n_rows == len(table)
    assert len(sums.same_mixture) == 3 * 2


def test_mixtures_of_two_salts_are_ranked_and_drawn(tmp_path):
    from saltloop.chemistry.formulation import Formulation
    from saltloop.loop.screening.landscape import read_landscape

    candidates = space(max_salts=2, salt_fraction_step=0.25)
    path = run(candidates, tmp_path / "out.parquet").path
    assert len(frame(path)) == len(candidates) == 5 * (4 + 6 * 9) * 3 * 2
    for row in best_rows(path, 40, BOOK):
        liquid = Formulation.parse(row["formulation"])
        assert candidates.contains(liquid)
        X = ENCODER.encode([liquid])
        assert ToyScorer().predict_encoded(X)[0].item() == pytest.approx(row["mean_mS_cm"], rel=1e-5)
    sums = read_landscape(path)
    assert len(sums.same_mixture) == 3 * 2
    table = frame(path)
    main = np.where(table.salt_2_fraction > 0.5, table.salt_2, table.salt)
    best = table[
        (main == "LiBF4") & (table.solvent_1 == "AN") & (table.share_1 >= 0.5) & (table.temperature_K == 298.15)
    ]
    salt, solvent = sums.salts.index("LiBF4"), sums.solvents.index("AN")
    assert sums.best_of_salt[salt, solvent] >= best["mean_mS_cm"].max()
    assert len(best_rows(path, 100, BOOK, is_distinct=True)) == 3 * (4 + 6)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    from saltloop.chemistry import load_literature
    from saltloop.surrogates.settings import SurrogateSettings
    from saltloop.surrogates.surrogate import MFNetSurrogate

    names = [s.name for s in BOOK.salts], [s.name for s in BOOK.solvents]
    surrogate = MFNetSurrogate(SurrogateSettings(n_members=2, epochs=1), BOOK, *names)
    surrogate.fit(load_literature().measurements, seed=0)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    surrogate.save(path)
    return path


def command(*arguments):
    from click.testing import CliRunner
    from saltloop.loop.cli import cli

    return CliRunner().invoke(cli, ["screen", *map(str, arguments)])


def test_the_command_screens_with_a_checkpoint(tmp_path, checkpoint):
    file, out = tmp_path / "space.yaml", tmp_path / "out.parquet"
    file.write_text(json.dumps(SMALL | {"constraints": ["molality < 1.2"]}))
    done = command(
        *(file, "--model", checkpoint, "-o", out, "--constraint", "relative_permittivity > 1", "--top", 3, "--json")
    )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["n_rows"] == len(frame(out)) > 0
    assert [row["rank"] for row in answer["best"]] == [1, 2, 3]
    again = command(file, "--model", checkpoint, "-o", out)
    assert "already there" in str(again.exception)


def test_predictions_of_the_command_are_the_surrogates(tmp_path, checkpoint):
    from saltloop.chemistry.formulation import Formulation
    from saltloop.surrogates.surrogate import MFNetSurrogate

    file, out = tmp_path / "space.yaml", tmp_path / "out.parquet"
    file.write_text(json.dumps(SMALL))
    assert command(file, "--model", checkpoint, "-o", out).exit_code == 0
    rows = best_rows(out, 20, BOOK)
    surrogate = MFNetSurrogate.load(checkpoint, BOOK)
    prediction = surrogate.predict([Formulation.parse(row["formulation"]) for row in rows])
    np.testing.assert_allclose([row["mean_mS_cm"] for row in rows], prediction.mean, rtol=1e-4)
    np.testing.assert_allclose([row["std_mS_cm"] for row in rows], prediction.std, rtol=1e-3)


def test_a_misspelt_constraint_is_said_before_anything_is_trained(tmp_path):
    failed = command("--space", "scan", "-o", tmp_path / "out.parquet", "--constraint", "flash_pint_C > 30")
    assert "did you mean flash_point_C" in str(failed.exception)
    assert list(tmp_path.iterdir()) == []
