"""Trajectories of molecules that walk at random: no simulation, and every answer known."""

import math

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.protocols import BoxSettings

LIQUID = Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")
DIFFUSION_NM2_PS = 1e-3
"""Of every species: 1e-9 m2/s."""


def contents(liquid=LIQUID, atoms=1200, pairs=8):
    return contents_of(liquid, BoxSettings(target_atoms=atoms, min_ion_pairs=pairs), SpeciesBook.builtin())


def walks(n_frames, n, frame_ps, generator, diffusion_nm2_ps=DIFFUSION_NM2_PS):
    """Positions (nm) of free Brownian particles: ``n_frames x n x 3``."""
    steps = generator.normal(0, math.sqrt(2 * diffusion_nm2_ps * frame_ps), (n_frames, n, 3))
    return np.cumsum(steps, axis=0)


def walking(seed=0, *, n_frames=800, frame_ps=0.5, box=None, wrapped=True, **more):
    """A box of independent molecules at 1.2 g/cm3, with densities that scatter by 0.01 g/cm3."""
    box = box or contents()
    generator = np.random.default_rng(seed)
    edge = box.edge_nm(1.2)
    n = sum(box.counts.values())
    start = generator.random((1, n, 3)) * edge
    positions = start + walks(n_frames, n, frame_ps, generator)
    return Trajectory(
        contents=box,
        temperature_K=box.formulation.temperature_K,
        edge_nm=edge,
        mean_density_g_cm3=1.2,
        frame_ps=frame_ps,
        positions=(positions % edge if wrapped else positions).astype(np.float32),
        temperatures_K=generator.normal(298, 8, 80),
        potentials_kJ_mol=generator.normal(-2e4, 100, 80),
        density_g_cm3=1.2 + generator.normal(0, 0.01, 200),
        density_ps=0.5,
        n_density_equilibrating=100,
        **more,
    )
