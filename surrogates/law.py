"""The conductivity law whose coefficients the network predicts, so that it stays physical beyond the data.

    ln k = ln m + a - b sqrt(m) - (c m + d m^2) / (1 + 0.1 m) - B(m) [1 / (T - T0) - 1 / (298.15 K - T0)]

k in mS/cm, m in mol/kg of solvent, T in K. Proportional to m as it vanishes; the root is the Debye-Hückel-Onsager
term, the next two bring it down once viscosity and ion pairing win, so that there is one maximum at 298.15 K (compare
Casteel and Amis, J. Chem. Eng. Data 17 (1972) 55); far above, the term in B may outweigh them. Temperature enters as in
the Vogel-Fulcher-Tammann law, with a pseudo-activation energy B that rises with concentration and an ideal glass
transition T0 that shifts with it (Ding et al., J. Electrochem. Soc. 148 (2001) A1196, doi 10.1149/1.1403730, fit
conductivities of carbonates this way).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

N_COEFFICIENTS = 8
T_REFERENCE_K = 298.15
SMALLEST_MOLALITY = 1e-4
#: ln k of a usual liquid at 1 mol/kg and 298 K without its losses: where training starts.
LN_K_START = 2.2
#: Range of the ideal glass transition, K, and how far concentration may raise or lower it.
T0_CENTRE_K, T0_HALF_RANGE_K, T0_SHIFT_K = 150.0, 40.0, 15.0
CLOSEST_TO_T0_K = 15.0
#: Unit of B, K.
B_UNIT_K = 500.0
#: No liquid conducts more: ln of about 90 mS/cm, approached smoothly, so that training can always find its way back.
LARGEST_LN_K = 4.5


def ln_conductivity(coefficients: Tensor, molality: Tensor, temperature_K: Tensor) -> Tensor:
    """ln(k / (mS/cm)) of the law above; ``coefficients``: ... x 8, unbounded numbers; the others: ....

    The signs that make the law physical (losses, activation) are kept by softplus.
    """
    a, b, c, d, energy, energy_slope, t0, t0_slope = coefficients.unbind(-1)
    m = molality
    T0 = T0_CENTRE_K + T0_HALF_RANGE_K * torch.tanh(t0) + T0_SHIFT_K * torch.tanh(t0_slope) * torch.tanh(m / 2)
    vft = 1 / (temperature_K - T0).clamp_min(CLOSEST_TO_T0_K) - 1 / (T_REFERENCE_K - T0)
    B = functional.softplus(energy + 0.5) + 0.5 * functional.softplus(energy_slope - 1) * m
    losses = (0.5 * functional.softplus(c) * m + 0.1 * functional.softplus(d) * m**2) / (1 + 0.1 * m)
    root = (0.8 + b) * torch.sqrt(m + SMALLEST_MOLALITY)
    ln_k = torch.log(m + SMALLEST_MOLALITY) + LN_K_START + a - root - losses - B_UNIT_K * B * vft
    return LARGEST_LN_K - functional.softplus(LARGEST_LN_K - ln_k, beta=4.0)
