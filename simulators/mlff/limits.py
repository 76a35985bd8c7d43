"""What is known of the errors of machine-learned potentials in electrolytes, as warnings that go with each result."""

from __future__ import annotations

from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.md.protocols import Protocol

from .settings import MLFFSpec

SOURCE = "Ju et al., arXiv:2501.05211 (2025)"


def known_limits(spec: MLFFSpec, formulation: Formulation, protocol: Protocol) -> list[str]:
    """Warnings for a simulation with one of our models; of a user's own model nothing is known."""
    warnings = []
    if protocol.produce.hydrogens is not None:
        warnings.append("heavier hydrogens in production slow the molecules down; diffusion comes out too small")
    if spec.is_own_model:
        return warnings
    if protocol.density == "simulated":
        warnings.append(
            f"the density is {spec.model}'s own: SevenNet-0 makes linear carbonates 9-15 % too dense, is off by -3 to "
            f"+7 % for cyclic ones, and lets molecules diffuse 50-70 % too slowly at that density ({SOURCE}); "
            "'density: estimated' avoids it"
        )
    fluorinated = [one.name for one, _ in (*formulation.salts, *formulation.solvents) if "F" in one.smiles]
    if fluorinated:
        warnings.append(f"groups with fluorine are too soft in SevenNet-0 ({SOURCE}): {', '.join(fluorinated)}")
    if spec.d3 is None:
        warnings.append(f"{spec.model} without dispersion: it learned PBE, which has none")
    return warnings
