"""Job folders: written once, run once, read back exactly, failures included."""

import json
import subprocess
import sys

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.simulators import job as job_module
from saltloop.simulators.job import JobError, read_outcome, run_job, write_job
from saltloop.simulators.oracle import Failure, OracleOutcome, OracleSpecError, build_oracle

LIQUID = Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")
TOY = {"kind": "python", "factory": "toy_oracles:StepOracle", "options": {"n_steps": 5}}


def written(folder, spec=TOY, formulation=LIQUID, **more):
    write_job(folder, job_key="j1", oracle_spec=spec, formulation=formulation, seed=3, **more)
    return folder


def test_writing_the_same_job_twice_changes_nothing_and_another_is_refused(tmp_path):
    written(tmp_path)
    before = (tmp_path / "input.json").stat().st_mtime_ns
    written(tmp_path)
    assert (tmp_path / "input.json").stat().st_mtime_ns == before
    with pytest.raises(JobError, match="differs in formulation"):
        written(tmp_path, formulation=Formulation.parse("1 mol/kg LiPF6 in EC"))


def test_a_job_runs_once_and_its_outcome_is_read_back(tmp_path):
    assert read_outcome(tmp_path) is None
    outcome = run_job(written(tmp_path))
    assert outcome.measurements[0].formulation == LIQUID
    assert outcome.provenance["wall_s"] >= 0
    assert read_outcome(tmp_path) == outcome
    assert "conductivity" in (tmp_path / "log.txt").read_text()
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert set(progress) == {"fraction", "message", "ts"}
    assert progress["ts"].endswith("+00:00")
    assert run_job(tmp_path) == outcome


def test_a_bug_in_an_oracle_is_a_failure_with_its_traceback_in_the_log(tmp_path):
    outcome = run_job(written(tmp_path, {"kind": "python", "factory": "toy_oracles:RaisingOracle"}))
    assert outcome.failure == Failure(reason="ZeroDivisionError: a bug in the oracle", kind="exception")
    assert "a bug in the oracle" in (tmp_path / "log.txt").read_text()
    assert "Traceback" in (tmp_path / "log.txt").read_text()
    assert read_outcome(tmp_path) == outcome


def test_user_species_travel_with_the_job(tmp_path):
    own = SpeciesDefinition(name="Anisole", kind="solvent", smiles="COc1ccccc1", density=0.995)
    book = SpeciesBook.builtin().with_species([own])
    liquid = Formulation.create({"LiPF6": 1.0}, {"Anisole": 1.0}, species=book)
    outcome = run_job(written(tmp_path, formulation=liquid, user_species=(own,)))
    assert outcome.measurements[0].formulation == liquid
    assert read_outcome(tmp_path) == outcome


def test_a_full_disk_while_the_result_is_written_leaves_no_half_result(tmp_path, monkeypatch):
    written(tmp_path)

    def full(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(job_module.os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            run_job(tmp_path)
    assert read_outcome(tmp_path) is None
    assert not list(tmp_path.glob("*result*"))
    assert run_job(tmp_path).failure is None


def test_damaged_and_missing_files_are_named(tmp_path):
    with pytest.raises(JobError, match="is no job folder"):
        run_job(tmp_path)
    run_job(written(tmp_path))
    (tmp_path / "result.json").write_text('{"measurements": [')
    with pytest.raises(JobError, match=r"result\.json cannot be read"):
        read_outcome(tmp_path)
    (tmp_path / "result.json").unlink()
    (tmp_path / "input.json").write_bytes(b"\x00\x01")
    with pytest.raises(JobError, match=r"input\.json is damaged"):
        run_job(tmp_path)


def test_a_job_of_a_newer_version_is_refused(tmp_path):
    written(tmp_path)
    content = json.loads((tmp_path / "input.json").read_text())
    (tmp_path / "input.json").write_text(json.dumps({**content, "version": 99}))
    with pytest.raises(JobError, match="version 99"):
        run_job(tmp_path)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"kind": "gromacs"}, "'gromacs' is unknown"),
        ({"kind": "openmm", "protocol": "fast"}, "'fast' is unknown"),
        ({"kind": "openmm", "plattform": "CPU"}, "plattform"),
        ({"kind": "python", "factory": "nowhere:Oracle"}, "cannot be imported"),
        ({"kind": "python", "factory": "toy_oracles:Missing"}, "cannot be imported"),
        ({"kind": "python", "factory": "toy_oracles:NOT_AN_ORACLE"}, "it lacks name"),
        ({"kind": "python", "factory": "toy_oracles:StepOracle", "options": {"steps": 1}}, "does not take the options"),
    ],
)
def test_wrong_oracle_settings_are_refused_with_words(spec, words):
    with pytest.raises(OracleSpecError, match=words):
        build_oracle(spec, SpeciesBook.builtin())


def test_an_outcome_is_measurements_or_a_failure():
    with pytest.raises(ValueError, match="measurements or a failure"):
        OracleOutcome()


def test_light_modules_load_nothing_heavy():
    code = (
        "import sys, saltloop.simulators.oracle, saltloop.simulators.job, saltloop.simulators.md.protocols;"
        "heavy = {'numpy', 'openmm', 'rdkit', 'torch', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
