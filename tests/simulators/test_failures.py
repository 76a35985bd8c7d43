"""Exceptions of OpenMM become failures with a kind, a remedy, and a checkpoint that is kept or not."""

import os
import subprocess

import openmm
import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.failures import openmm_failure
from saltloop.simulators.job import run_job, write_job
from tiny_protocol import TINY

LIQUID = Formulation.parse("1.5 mol/kg LiBF4 in AN at 298.15 K")


@pytest.mark.parametrize(
    ("message", "kind", "resumes"),
    [
        (
            "Particle coordinate is NaN.  For more information, see https://github.com/openmm/openmm/wiki",
            "blow_up",
            False,
        ),
        ("Energy or force at minimization starting point is infinite or NaN.", "blow_up", False),
        ("The periodic box size has decreased to less than twice the nonbonded cutoff.", "box_too_small", False),
        (
            "NonbondedForce: The cutoff distance cannot be greater than half the periodic box size.",
            "box_too_small",
            False,
        ),
        ("Error creating array posq: CUDA_ERROR_OUT_OF_MEMORY (2) at CudaArray.cpp:63", "out_of_memory", True),
        ("Error creating array posq: clCreateBuffer (-61)", "out_of_memory", True),
        ("std::bad_alloc", "out_of_memory", True),
        ("Error invoking kernel: CUDA_ERROR_ILLEGAL_ADDRESS (700)", "device_lost", True),
        ("Error downloading array energyBuffer: Invalid error code (700)", "device_lost", True),
        ("Error invoking kernel reduceEnergy: clEnqueueNDRangeKernel (-54)", "device_lost", True),
        ("Error initializing Context: CUDA_ERROR_NO_DEVICE (100)", "device_lost", True),
        ("No compatible CUDA device is available", "device_lost", True),
        ("something else", "blow_up", False),
    ],
)
def test_an_openmm_exception_has_a_kind(message, kind, resumes):
    failure = openmm_failure(openmm.OpenMMException(message))
    assert failure.kind == kind
    assert failure.can_resume is resumes
    assert message[:20] in failure.reason


def test_an_exception_without_words_is_named_by_its_type():
    assert "MemoryError" in openmm_failure(MemoryError()).reason


def test_a_real_nan_is_a_blow_up():
    system = openmm.System()
    system.addParticle(1.0)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU"))
    context.setPositions([openmm.Vec3(float("nan"), 0, 0)])
    with pytest.raises(openmm.OpenMMException) as caught:
        context.getIntegrator().step(1)
    assert openmm_failure(caught.value).kind == "blow_up"


def test_a_real_box_that_is_too_small_is_named():
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(openmm.Vec3(*(float(i == j) for j in range(3))) for i in range(3)))
    system.addParticle(1.0)
    force = openmm.NonbondedForce()
    force.addParticle(0, 1, 0)
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(0.9)
    system.addForce(force)
    with pytest.raises(openmm.OpenMMException) as caught:
        openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU"))
    assert openmm_failure(caught.value).kind == "box_too_small"


def tiny_job(folder):
    spec = {"kind": "openmm", "protocol": TINY, "platform": "CPU"}
    write_job(folder, job_key="faults", oracle_spec=spec, formulation=LIQUID, seed=4)
    return folder


def test_after_a_lost_gpu_the_run_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    job = tiny_job(tmp_path)
    step, calls = openmm.LangevinMiddleIntegrator.step, []

    def lose_gpu(integrator, n):
        calls.append(n)
        if len(calls) == 70:
            raise openmm.OpenMMException("Error downloading array posq: CUDA_ERROR_ILLEGAL_ADDRESS (700)")
        step(integrator, n)

    monkeypatch.setattr(openmm.LangevinMiddleIntegrator, "step", lose_gpu)
    outcome = run_job(job)
    assert outcome.failure is None
    assert any("device_lost on CPU" in warning for warning in outcome.provenance["warnings"])
    assert outcome.provenance["results"]["n_frames"] == 40


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full_costs_no_result(small_disk):
    job = tiny_job(small_disk / "job")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(720_000))
    try:
        failed = run_job(job)
    except OSError as error:
        assert "No space left" in str(error)  # noqa: PT017 - nothing could be written, not even the failure
    else:
        assert failed.failure.kind == "io_error"
    assert (job / "md" / "checkpoint.json").exists()
    ballast.unlink()
    (job / "result.json").unlink(missing_ok=True)
    outcome = run_job(job)
    assert outcome.failure is None
    assert outcome.provenance["n_sessions"] >= 2
    assert outcome.provenance["results"]["n_frames"] == 40
