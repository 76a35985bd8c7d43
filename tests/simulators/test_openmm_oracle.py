"""The real oracle on boxes of about 200 atoms."""

import dataclasses
import json
import multiprocessing
import time

import numpy as np
import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.forces.forcefield import ClassicalForceField
from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.job import run_job, write_job
from saltloop.simulators.md import engine as engine_module
from saltloop.simulators.md import platforms, sanity
from saltloop.simulators.md import start as start_module
from saltloop.simulators.md import store as store_module
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.openmm_oracle import OpenMMOracle
from saltloop.simulators.md.protocols import resolve_protocol
from saltloop.simulators.md.stages import Gentleness
from saltloop.simulators.oracle import UnsupportedFormulationError
from tiny_protocol import TINY

N_FRAMES = 40
STAGES = ("soften", "nvt", "npt", "settle", "produce")
BOOK = SpeciesBook.builtin()
LIQUID = Formulation.parse("1.5 mol/kg LiBF4 in AN at 298.15 K")


def tiny_oracle(**overrides):
    return OpenMMOracle(resolve_protocol({**TINY, **overrides}), BOOK, platform="CPU")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One job of the tiny protocol, run to its end."""
    folder = tmp_path_factory.mktemp("tiny")
    spec = {"kind": "openmm", "protocol": TINY, "platform": "CPU"}
    write_job(folder, job_key="tiny", oracle_spec=spec, formulation=LIQUID, seed=4)
    return folder, run_job(folder)


def test_a_job_gives_density_diffusion_and_both_conductivities(finished):
    _, outcome = finished
    found = {one.quantity: one for one in outcome.measurements}
    assert list(found)[:2] == ["conductivity", "density"]
    assert {"conductivity_nernst_einstein", "conductivity_collective"} <= set(found)
    assert {f"diffusion_coefficient_{name}" for name in ("Li+", "BF4-", "AN")} <= set(found)
    assert found["density"].unit == "g/cm3"
    assert 0.6 < found["density"].value < 1.1
    assert found["conductivity"].value == found["conductivity_combined"].value
    assert "Nernst-Einstein" in found["conductivity"].method
    assert "modified protocol" in found["conductivity"].method
    assert found["diffusion_coefficient_AN"].unit == "m2/s"
    assert 1e-10 < found["diffusion_coefficient_AN"].value < 2e-8


def test_what_was_simulated_and_how_is_recorded(finished):
    _, outcome = finished
    provenance = outcome.provenance
    molecules = provenance["composition"]["molecules"]
    assert molecules["Li+"] == molecules["BF4-"]
    kg = molecules["AN"] * BOOK.solvent("AN").molar_mass / 1e3
    assert outcome.measurements[0].formulation.molality["LiBF4"] == pytest.approx(molecules["Li+"] / kg, abs=1e-4)
    assert provenance["platform"] == "CPU, 1 thread"
    assert provenance["force_field"]["ion_charge_scale"] == 0.8
    assert provenance["force_field"]["mixing_rule"] == "lorentz-berthelot"
    assert provenance["results"]["n_frames"] == N_FRAMES
    assert provenance["results"]["box_nm"] > 1
    assert provenance["n_sessions"] == 1
    assert any("ion pairs" in warning for warning in provenance["warnings"])
    json.dumps(provenance, allow_nan=False)


def test_the_temperature_is_kept(finished):
    _, outcome = finished
    assert outcome.provenance["results"]["mean_temperature_K"] == pytest.approx(298.15, rel=0.08)


def test_the_plot_and_the_table_of_displacements_are_there(finished):
    folder, outcome = finished
    assert {"msd.png", "msd.csv", "conductivity.png", "density.png"} <= set(outcome.artifacts)
    assert all((folder / name).exists() for name in outcome.artifacts)
    assert (folder / "msd.png").read_bytes().startswith(b"\x89PNG")
    header, *rows = (folder / "msd.csv").read_text().splitlines()
    assert header.startswith("lag_ps,Li+ (nm2),BF4- (nm2),AN (nm2),charge")
    assert len(rows) > 5


def _stage_of(checkpoint):
    return json.loads(checkpoint.read_text())["stage"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["nvt", "npt", "produce"])
def test_killed_in_a_stage_it_goes_on_without_losing_or_doubling_a_frame(tmp_path, stage):
    spec = {"kind": "openmm", "protocol": TINY, "platform": "CPU"}
    write_job(tmp_path, job_key="killed", oracle_spec=spec, formulation=LIQUID, seed=4)
    process = multiprocessing.get_context("spawn").Process(target=run_job, args=(tmp_path,))
    process.start()
    checkpoint = tmp_path / "md" / "checkpoint.json"
    # A short stage may pass between two looks; killed in a later one, the job has to go on just so.
    while not (checkpoint.exists() and stage in STAGES[: STAGES.index(_stage_of(checkpoint)) + 1]):
        assert process.is_alive(), "the job ended before it was killed"
        time.sleep(0.01)
    time.sleep(0.15)
    process.kill()
    process.join()
    assert not (tmp_path / "result.json").exists()
    stood = json.loads(checkpoint.read_text())
    outcome = run_job(tmp_path)
    assert outcome.failure is None
    assert outcome.provenance["n_sessions"] == 2
    assert outcome.provenance["results"]["n_frames"] == N_FRAMES
    assert outcome.provenance["wall_s"] > stood["elapsed_s"]
    ended = json.loads(checkpoint.read_text())
    assert ended["n_pieces"] == {"npt": 8, "produce": 8}
    positions = np.concatenate([np.load(path)["positions"] for path in sorted((tmp_path / "md").glob("produce-*.npz"))])
    assert len(positions) == N_FRAMES
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    assert steps.max() < 0.5, "a molecule jumps where the run was resumed"
    assert steps.max(axis=1).min() > 0, "a frame comes twice"
    assert [path.name for path in (tmp_path / "md").glob("state-*.xml")] == [ended["state_file"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 mol/kg LiPF6 in TMOS", "no force-field parameters for TMOS: OpenFF Sage has none for Si"),
        ("1 mol/kg LiPF6 in EC at 180 K", "200 to 500 K"),
        ("0.001 mol/kg LiPF6 in EC", "max_atoms"),
    ],
)
def test_unsupported_formulations_are_refused_before_anything_starts(tmp_path, text, words):
    book = BOOK.with_species([SpeciesDefinition(name="TMOS", kind="solvent", smiles="CO[Si](OC)(OC)OC")])
    oracle = OpenMMOracle(resolve_protocol("demo"), book)
    formulation = Formulation.parse(text, species=book)
    with pytest.raises(UnsupportedFormulationError, match=words):
        oracle.check(formulation)
    with pytest.raises(UnsupportedFormulationError, match=words):
        oracle.run(formulation, tmp_path, seed=1)
    assert not list(tmp_path.iterdir())


def test_a_box_smaller_than_the_cutoff_allows_is_refused():
    with pytest.raises(UnsupportedFormulationError, match=r"box\.target_atoms"):
        tiny_oracle(force_field={"cutoff_nm": 0.9}).check(LIQUID)


def test_every_species_of_the_book_is_checked_quickly():
    oracle = OpenMMOracle(resolve_protocol("demo"), BOOK)
    started = time.process_time()
    for solvent in BOOK.solvents:
        oracle.check(Formulation.create({"LiTFSI": 1.0}, {solvent.name: 1.0}))
    for salt in BOOK.salts:
        oracle.check(Formulation.create({salt.name: 1.0}, {"EC": 1.0}))
    assert time.process_time() - started < 5


def failing_run(tmp_path, **overrides):
    return tiny_oracle(**overrides).run(LIQUID, tmp_path, seed=1)


def explode(self, steps):
    import openmm

    raise openmm.OpenMMException("Particle coordinate is NaN")


def test_a_run_that_blows_up_is_started_again_more_gently(tmp_path, monkeypatch):
    import openmm

    step, n = openmm.LangevinMiddleIntegrator.step, []

    def explode_once(self, steps):
        n.append(steps)
        return explode(self, steps) if len(n) == 1 else step(self, steps)

    monkeypatch.setattr(openmm.LangevinMiddleIntegrator, "step", explode_once)
    outcome = failing_run(tmp_path)
    assert outcome.failure is None
    (replica,) = outcome.provenance["runs"]["md"]["replicas"]
    (failed,) = replica["failed_attempts"]
    assert failed["kind"] == "blow_up"
    assert failed["stage"] == "soft start"
    assert failed["start"] == "as the protocol says"
    assert any("time step divided by 2" in warning for warning in outcome.provenance["warnings"])
    assert json.loads((tmp_path / "md.failed-1" / "failure.json").read_text()) == failed


def test_a_run_that_always_blows_up_is_a_failure_after_the_last_attempt_and_stays_one(tmp_path, monkeypatch):
    import openmm

    with monkeypatch.context() as patch:
        patch.setattr(openmm.LangevinMiddleIntegrator, "step", explode)
        failed = failing_run(tmp_path)
    assert failed.failure.kind == "blow_up"
    assert not failed.failure.is_retryable
    assert "NaN" in failed.failure.reason
    assert "attempt 3 of 3" in failed.failure.reason
    assert failed.provenance["composition"]["molecules"]["Li+"] >= 2
    starts = [one["start"] for one in failed.provenance["runs"]["md"]["replicas"][0]["failed_attempts"]]
    assert len(set(starts)) == 3
    assert not (tmp_path / "md").exists()
    assert failing_run(tmp_path).failure == failed.failure


def test_an_absurd_density_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "MAX_DENSITY_DEVIATION", 1e-6)
    failed = failing_run(tmp_path)
    assert failed.failure.kind == "absurd_density"
    assert "was expected" in failed.failure.reason


def test_a_temperature_that_runs_away_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "MAX_TEMPERATURE_DEVIATION", -1.0)
    failed = failing_run(tmp_path, retry={"max_attempts": 1})
    assert failed.failure.kind == "temperature"


def test_a_packing_that_fails_is_tried_looser_and_said(tmp_path, monkeypatch):
    pack, calls = start_module.pack, []

    def pack_third_time(contents, edge, *rest):
        calls.append(edge)
        if len(calls) < 3:
            raise SimulationFailureError("packing", "no room", is_retryable=True)
        return pack(contents, edge, *rest)

    monkeypatch.setattr(start_module, "pack", pack_third_time)
    outcome = failing_run(tmp_path)
    assert outcome.failure is None
    assert calls == sorted(calls)
    assert sum("packing failed" in warning for warning in outcome.provenance["warnings"]) == 2


def test_a_packing_that_never_works_is_a_failure(tmp_path, monkeypatch):
    def no_room(*_args):
        raise SimulationFailureError("packing", "no room", is_retryable=True)

    monkeypatch.setattr(start_module, "pack", no_room)
    failed = failing_run(tmp_path)
    assert failed.failure.kind == "packing"


def test_a_checkpoint_of_another_simulation_is_never_continued(tmp_path, finished):
    folder, _ = finished
    (tmp_path / "md").mkdir()
    for path in (folder / "md").iterdir():
        (tmp_path / "md" / path.name).write_bytes(path.read_bytes())
    failed = tiny_oracle().run(Formulation.parse("1 mol/kg LiBF4 in AN"), tmp_path, seed=4)
    assert failed.failure.kind == "foreign_checkpoint"
    assert (tmp_path / "md" / "checkpoint.json").exists()


@pytest.mark.parametrize("name", ["checkpoint.json", "state"])
def test_a_damaged_checkpoint_is_put_aside_and_said(tmp_path, finished, name):
    folder, _ = finished
    (tmp_path / "md").mkdir()
    for path in (folder / "md").iterdir():
        content = path.read_bytes()
        (tmp_path / "md" / path.name).write_bytes(content[:100] if path.name.startswith(name) else content)
    outcome = tiny_oracle().run(LIQUID, tmp_path, seed=4)
    assert outcome.failure is None
    assert any("damaged_checkpoint" in warning for warning in outcome.provenance["warnings"])
    assert (tmp_path / "md.failed-1").is_dir()


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    spec = {"kind": "openmm", "protocol": TINY, "platform": "CPU"}
    write_job(tmp_path, job_key="full", oracle_spec=spec, formulation=LIQUID, seed=4)
    write, n = store_module.write_checkpoint, []

    def full(folder, checkpoint, state):
        n.append(checkpoint.stage)
        if len(n) == 9:
            raise OSError(28, "No space left on device")
        write(folder, checkpoint, state)

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_checkpoint", full)
        failed = run_job(tmp_path)
    assert failed.failure.kind == "io_error"
    assert failed.failure.is_retryable
    (tmp_path / "result.json").unlink()
    outcome = run_job(tmp_path)
    assert outcome.failure is None
    assert outcome.provenance["results"]["n_frames"] == N_FRAMES
    assert outcome.provenance["n_sessions"] == 2


def test_a_pure_solvent_has_a_density_and_no_conductivity(tmp_path):
    outcome = tiny_oracle().run(Formulation.parse("AN at 298.15 K"), tmp_path, seed=2)
    assert outcome.measurements[0].quantity == "density"
    assert not any("conductivity" in one.quantity for one in outcome.measurements)


def test_the_collective_conductivity_is_reported_where_it_is_asked_for(tmp_path):
    outcome = tiny_oracle(analysis={"report": "collective"}).run(LIQUID, tmp_path, seed=2)
    found = {one.quantity: one for one in outcome.measurements}
    assert found["conductivity"].value == found["conductivity_collective"].value
    assert "Einstein-Helfand" in found["conductivity"].method


def test_the_platform_is_chosen_and_said():
    assert platforms.choose_platform("CPU", 2).description == "CPU, 2 threads"
    assert platforms.choose_platform("auto", 1).name in ("CUDA", "OpenCL", "CPU")


def test_a_platform_that_is_not_there_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "_try", lambda name, threads, **_: (None, "no device"))
    failed = tiny_oracle().run(LIQUID, tmp_path, seed=1)
    assert failed.failure.kind == "platform"
    assert "no device" in failed.failure.reason


def test_the_time_between_frames_is_that_of_whole_steps(finished):
    folder, _ = finished
    simulation = engine_module.Simulation(
        contents=contents_of(LIQUID, resolve_protocol(TINY).box, BOOK),
        protocol=resolve_protocol({**TINY, "frame_ps": 0.09}),
        forces=ClassicalForceField(ForceFieldSettings()),
        folder=folder / "md",
        seed=1,
        platform=platforms.choose_platform("CPU", 1),
        fingerprint="",
        progress=lambda fraction, message: None,
    )
    assert simulation.frame_ps == pytest.approx(0.088)
    gentle = dataclasses.replace(simulation, gentleness=Gentleness(1))
    assert gentle.frame_ps == pytest.approx(0.088)
