"""Viscosity from molecules' paths beside Green-Kubo's, on one trajectory of liquid argon (Lennard-Jones, 216 atoms).

    python benchmarks/md_viscosity.py [--ps 1000]      # about two minutes a nanosecond on a free core; 300 in the docs

saltloop takes the viscosity from centres of mass recorded every 0.2 ps (``saltloop.simulators.analysis.viscosity``).
Green-Kubo needs the stress every 0.02 ps, which OpenMM does not give; for a pair potential it is computed here from
positions and velocities. The row goes to ``benchmarks/results/md_viscosity.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import openmm
from saltloop.simulators.analysis.viscosity import viscosity

RESULTS = Path(__file__).parent / "results" / "md_viscosity.json"
SIGMA_NM, EPSILON_KJ_MOL, MASS_U, N = 0.3405, 0.996, 39.948, 216
TEMPERATURE_K, REDUCED_DENSITY = 120.0, 0.80
EDGE_NM = SIGMA_NM * (N / REDUCED_DENSITY) ** (1 / 3)
CUTOFF_NM = 2.5 * SIGMA_NM
STEP_PS, STRESS_STEPS, FRAME_STRESSES, FRICTION_PER_PS = 0.005, 4, 10, 0.1
CORRELATED_PS = 4.0
U_NM_PS_IN_MPA_S = 1.66053906660e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ps", type=float, default=1000.0)
    arguments = parser.parse_args()
    started = time.process_time()
    frames, stresses = simulated(round(arguments.ps / STEP_PS / STRESS_STEPS))
    simulated_s = time.process_time() - started
    ours = viscosity(
        [frames],
        np.full(N, MASS_U),
        [EDGE_NM],
        STEP_PS * STRESS_STEPS * FRAME_STRESSES,
        temperature_K=TEMPERATURE_K,
        friction_per_ps=FRICTION_PER_PS,
    )
    value, error = green_kubo(stresses, STEP_PS * STRESS_STEPS)
    row = {
        "ps": arguments.ps,
        "paths_mPa_s": [ours.value_mPa_s, ours.standard_error_mPa_s] if ours else None,
        "by_wavelength": ours.by_wavelength if ours else None,
        "green_kubo_mPa_s": [value, error],
        "cpu_s": [round(simulated_s, 1), round(time.process_time() - started - simulated_s, 1)],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row, indent=1))


def simulated(n_stresses: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames (nm) and off-diagonal stresses times volume (kJ/mol): xy, xz, yz."""
    system, force = openmm.System(), openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(CUTOFF_NM)
    force.setUseDispersionCorrection(False)
    for _ in range(N):
        system.addParticle(MASS_U)
        force.addParticle(0.0, SIGMA_NM, EPSILON_KJ_MOL)
    system.addForce(force)
    system.setDefaultPeriodicBoxVectors((EDGE_NM, 0, 0), (0, EDGE_NM, 0), (0, 0, EDGE_NM))
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE_K, FRICTION_PER_PS, STEP_PS)
    integrator.setRandomNumberSeed(1)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    cells = np.stack(np.unravel_index(np.arange(N), (6, 6, 6)), axis=1)
    context.setPositions(cells * EDGE_NM / 6)
    context.setVelocitiesToTemperature(TEMPERATURE_K, 2)
    integrator.step(10_000)
    frames, stresses = [], np.empty((n_stresses, 3))
    for index in range(n_stresses):
        integrator.step(STRESS_STEPS)
        state = context.getState(positions=True, velocities=True)
        positions = state.getPositions(asNumpy=True)._value
        stresses[index] = stress(positions, state.getVelocities(asNumpy=True)._value)
        if index % FRAME_STRESSES == 0:
            frames.append(positions)
    return np.array(frames), stresses


_FIRST, _SECOND = np.triu_indices(N, 1)


def stress(positions: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Kinetic and pair part of the off-diagonal stress times the volume, kJ/mol: xy, xz, yz."""
    apart = positions[_FIRST] - positions[_SECOND]
    apart -= EDGE_NM * np.round(apart / EDGE_NM)
    square = np.einsum("px,px->p", apart, apart)
    near = square < CUTOFF_NM**2
    apart, square = apart[near], square[near]
    sixth = (SIGMA_NM**2 / square) ** 3
    over_square = 24 * EPSILON_KJ_MOL * (2 * sixth**2 - sixth) / square
    pairs = ((0, 1), (0, 2), (1, 2))
    return np.array(
        [MASS_U * velocities[:, a] @ velocities[:, b] + over_square @ (apart[:, a] * apart[:, b]) for a, b in pairs]
    )


def green_kubo(stresses: np.ndarray, step_ps: float) -> tuple[float, float]:
    """eta = 1/(V kT) integral <S(0) S(t)> dt up to ``CORRELATED_PS``, mPa s; error from ten pieces of the run."""
    n = round(CORRELATED_PS / step_ps)
    found = []
    for piece in np.array_split(stresses, 10):
        size = 2 ** math.ceil(math.log2(2 * len(piece)))
        power = np.abs(np.fft.rfft(piece, size, axis=0)) ** 2
        correlation = np.fft.irfft(power, size, axis=0)[:n].mean(axis=1) / (len(piece) - np.arange(n))
        found.append(float(np.trapezoid(correlation, dx=step_ps)))
    thermal = 8.31446261815324e-3 * TEMPERATURE_K
    values = np.array(found) / (EDGE_NM**3 * thermal) * U_NM_PS_IN_MPA_S
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(10)


if __name__ == "__main__":
    main()
