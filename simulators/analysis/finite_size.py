"""What the size of a periodic box takes away from self-diffusion, and a Langevin thermostat with it.

A molecule drags the liquid along, and in a periodic box its images drag it too. Yeh and Hummer, J. Phys. Chem. B 108
(2004) 15873: D(infinite) = D(box) + kB T xi / (6 pi eta L), xi = 2.837297 for a cube. A thermostat with friction g on
all mass screens flow beyond sqrt(eta / (rho g)), 1/kappa: in the sum over the box's wave vectors, 1/k^2 becomes
1/(k^2 + kappa^2) (Brinkman, Appl. Sci. Res. A 1 (1949) 27), and xi grows with kappa L as ``size_factor`` says.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from .viscosity import Viscosity

BOLTZMANN_J_K = 1.380649e-23
_IMAGES = np.array([n for n in product(range(-4, 5), repeat=3) if any(n)], dtype=float)


def size_correction_m2_s(
    edge_nm: float, viscosity: Viscosity, *, temperature_K: float, density_g_cm3: float, friction_per_ps: float = 0.0
) -> tuple[float, float]:
    """What to add to a self-diffusion coefficient of a cubic box, and its standard error (the viscosity's), m2/s."""
    eta = viscosity.value_mPa_s * 1e-3
    kappa = math.sqrt(density_g_cm3 * 1e3 * friction_per_ps * 1e12 / eta)
    edge = edge_nm * 1e-9
    value = BOLTZMANN_J_K * temperature_K * size_factor(kappa * edge) / (6 * math.pi * eta * edge)
    return value, value * viscosity.relative_error


def size_factor(screening: float) -> float:
    """xi for a cube with edge L, ``screening`` = kappa L: 2.837297 without screening.

    Minus L/(4 pi) times the screened sum over wave vectors less the unscreened integral: 4 pi/x^2 + x less the sum of
    exp(-x n)/n over the images at distances n; evaluated by Ewald's method with a width of sqrt(pi).
    """
    from scipy.special import erfc

    x, width = screening, math.sqrt(math.pi)
    r = np.linalg.norm(_IMAGES, axis=1)
    near = (np.exp(-x * r) * erfc(width * r - x / (2 * width)) + np.exp(x * r) * erfc(width * r + x / (2 * width))) / (
        2 * r
    )
    k2 = (2 * math.pi * r) ** 2 + x**2
    far = 4 * math.pi / k2 * np.exp(-k2 / (4 * math.pi))
    faded = math.exp(-(x**2) / (4 * math.pi))
    mean = 4 * math.pi / x**2 * (faded - 1) if x > 1e-6 else -1.0
    own = 2 * width / math.sqrt(math.pi) * faded - x * erfc(x / (2 * width))
    return float(-(near.sum() + far.sum() + mean - own - x))
