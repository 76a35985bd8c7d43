"""Machine-learned forces by the classical protocol, mostly with an analytic potential that costs nothing."""

import importlib.util
import json

import numpy as np
import openmm
import pytest
from analytic_potential import SpringLiquid
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.sources.settings import OracleSettings
from saltloop.simulators.failures import openmm_failure
from saltloop.simulators.forces.species_parameters import all_parameters
from saltloop.simulators.job import run_job, write_job
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.platforms import choose_platform
from saltloop.simulators.md.protocols import resolve_protocol
from saltloop.simulators.mlff import oracle as oracle_module
from saltloop.simulators.mlff.budget import Estimate, calls_of, on_a_grid
from saltloop.simulators.mlff.conformers import carbonate_conformers, ester_torsions
from saltloop.simulators.mlff.forces import MLForceModel
from saltloop.simulators.mlff.limits import known_limits
from saltloop.simulators.mlff.oracle import MLFFOracle
from saltloop.simulators.mlff.settings import TRITIUM, Dispersion, MLFFSpec
from saltloop.simulators.oracle import OracleSpecError, UnsupportedFormulationError, build_oracle
from saltloop.simulators.testing import CHECKS, OracleCase
from tiny_protocol import TINY

BOOK = SpeciesBook.builtin()
LIQUID = Formulation.parse("2.5 mol/kg LiBF4 in AN at 298.15 K")
SPRINGS = "analytic_potential:spring_liquid"
SHORT = {
    "base": "demo",
    "box": {"target_atoms": 90, "min_ion_pairs": 2},
    "equilibrate_nvt": {"duration_ps": 0.1},
    "produce": {"duration_ps": 0.2},
    "frame_ps": 0.01,
    "structure_ps": 0.02,
    "checkpoint_ps": 0.05,
}
START = {**TINY, "produce": {"duration_ps": 2.0}}
# A start is one box, however many replicas its protocol has.
SPEC = {"kind": "mlff", "model": SPRINGS, "protocol": SHORT, "start": {**START, "replicas": 2}, "platform": "CPU"}

needs_extra = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sevenn", "dftd3")),
    reason="the extra is missing: pip install 'saltloop[mlff]'",
)


def oracle(**changes):
    return MLFFOracle(MLFFSpec.model_validate({**SPEC, **changes}), BOOK)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One job with the analytic potential, run to its end."""
    folder = tmp_path_factory.mktemp("mlff")
    write_job(folder, job_key="mlff", oracle_spec=SPEC, formulation=LIQUID, seed=4)
    return folder, run_job(folder)


def test_a_job_gives_what_the_classical_oracle_gives(finished):
    _, outcome = finished
    assert outcome.failure is None
    found = {one.quantity: one for one in outcome.measurements}
    assert next(iter(found)) == "conductivity"
    assert {"conductivity_nernst_einstein", "diffusion_coefficient_Li+", "diffusion_coefficient_AN"} <= set(found)
    assert all(one.source == "mlff" for one in outcome.measurements)
    assert "machine-learned forces" in found["conductivity"].method


def test_what_was_simulated_and_how_is_recorded(finished):
    _, outcome = finished
    provenance = outcome.provenance
    assert provenance["force_field"]["potential"] == "springs"
    assert provenance["force_field"]["start"]["length_ps"] > 2
    assert provenance["density"]["how"].startswith("estimated")
    assert provenance["estimate"]["seconds_at_most"] < provenance["estimate"]["budget_s"]
    assert any("started from 2.6 ps of classical dynamics" in warning for warning in provenance["warnings"])
    assert provenance["results"]["mean_temperature_K"] == pytest.approx(298.15, rel=0.25)
    json.dumps(provenance, allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_mlff_oracle_conforms(check, tmp_path):
    check(
        OracleCase(spec=SPEC, supported=LIQUID, unsupported=Formulation.parse("1 mol/kg LiPF6 in EC at 180 K")),
        tmp_path,
    )


@pytest.mark.slow
@needs_extra
def test_sevennet_runs_through_the_oracle(tmp_path):
    spec = {
        **SPEC,
        "model": "sevennet-0",
        "protocol": {
            **SHORT,
            "box": {"target_atoms": 84},
            "minimise": {"max_iterations": 1},
            "soften": {"duration_ps": 0.001},
            "equilibrate_nvt": {"duration_ps": 0.01},
            "produce": {"duration_ps": 0.02},
            "frame_ps": 0.001,
        },
    }
    write_job(tmp_path, job_key="mlff", oracle_spec=spec, formulation=Formulation.parse("AN at 298.15 K"), seed=4)
    outcome = run_job(tmp_path)
    assert outcome.failure is None
    described = outcome.provenance["force_field"]
    assert described["potential"] == "sevennet-0"
    assert described["plus"][0]["functional"] == "pbe"
    assert outcome.provenance["results"]["mean_temperature_K"] == pytest.approx(298, rel=0.4)


# Forces in OpenMM


def small_box():
    contents = contents_of(LIQUID, resolve_protocol(SHORT).box, BOOK)
    edge = contents.edge_nm(0.9)
    return contents.molecules, on_a_grid(contents, edge), edge


def context_of(forces, molecules, positions, edge, integrator=None, barostat=None):
    system = forces.system(molecules, edge)
    if barostat:
        system.addForce(barostat)
    context = choose_platform("CPU", 1).context(system, integrator or openmm.VerletIntegrator(0.001))
    context.setPositions(positions)
    return context


def test_openmm_has_the_potentials_energy_and_forces():
    molecules, positions, edge = small_box()
    context = context_of(MLForceModel(SpringLiquid), molecules, positions, edge)
    state = context.getState(energy=True, forces=True)
    energy, forces = SpringLiquid(molecules).energy_and_forces(positions, edge)
    assert state.getPotentialEnergy()._value == pytest.approx(energy, rel=1e-6)
    assert np.allclose(state.getForces(asNumpy=True)._value, forces, rtol=1e-4, atol=1e-3)


def test_masses_are_natural_and_nothing_is_constrained():
    molecules, _, edge = small_box()
    forces = MLForceModel(SpringLiquid)
    system = forces.system(molecules, edge)
    expected = [atom.mass for species, count in molecules for _ in range(count) for atom in species.atoms]
    assert [system.getParticleMass(i)._value for i in range(system.getNumParticles())] == pytest.approx(expected)
    assert system.getNumConstraints() == forces.n_constraints(molecules) == 0


def test_a_barostat_moves_molecules_and_not_atoms():
    molecules, positions, edge = small_box()
    barostat = openmm.MonteCarloBarostat(1000.0, 300.0, 1)
    barostat.setRandomNumberSeed(1)
    integrator = openmm.VerletIntegrator(1e-9)
    context = context_of(MLForceModel(SpringLiquid), molecules, positions, edge, integrator, barostat)
    integrator.step(20)
    state = context.getState(positions=True)
    assert abs(state.getPeriodicBoxVectors()[0][0]._value - edge) > 1e-4
    moved, first = state.getPositions(asNumpy=True)._value, 0
    for species, count in molecules:
        for _ in range(count):
            own = slice(first, first + species.n_atoms)
            shape, before = (one[own] - one[own].mean(axis=0) for one in (moved, positions))
            assert np.allclose(shape, before, atol=1e-5)
            first += species.n_atoms


def test_one_configuration_is_computed_once():
    calls = []

    class Counting(SpringLiquid):
        def energy_and_forces(self, positions_nm, edge_nm):
            calls.append(edge_nm)
            return super().energy_and_forces(positions_nm, edge_nm)

    molecules, positions, edge = small_box()
    context = context_of(MLForceModel(Counting), molecules, positions, edge)
    context.getIntegrator().step(5)
    for _ in range(3):
        context.getState(energy=True, forces=True)
    assert len(calls) == 6


def test_an_energy_that_is_no_number_is_a_blow_up():
    class Broken(SpringLiquid):
        def energy_and_forces(self, positions_nm, edge_nm):
            return np.nan, np.zeros_like(positions_nm)

    molecules, positions, edge = small_box()
    context = context_of(MLForceModel(Broken), molecules, positions, edge)
    with pytest.raises(openmm.OpenMMException, match="NaN") as caught:
        context.getState(energy=True)
    assert openmm_failure(caught.value).kind == "blow_up"


def test_a_box_must_be_twice_as_wide_as_the_cutoff():
    assert MLForceModel(SpringLiquid).min_edge_nm == pytest.approx(0.9)
    assert MLForceModel(SpringLiquid, cutoff_nm=0.5).min_edge_nm == 1.0
    with pytest.raises(UnsupportedFormulationError, match=r"box\.target_atoms"):
        oracle(options={"cutoff_nm": 0.8}).check(LIQUID)


# Settings


def test_the_protocol_is_the_classical_one_with_shorter_steps():
    protocol = MLFFSpec(protocol={"base": "quick", "produce": {"duration_ps": 50}}).resolved_protocol()
    quick = resolve_protocol("quick")
    assert protocol.box == quick.box
    assert protocol.produce.duration_ps == 50
    assert (protocol.produce.timestep_fs, protocol.produce.hydrogens) == (1.0, None)
    assert protocol.equilibrate_nvt.timestep_fs == 2.0
    assert protocol.equilibrate_nvt.hydrogens.model_dump() == TRITIUM
    assert protocol.density == "given"


@pytest.mark.parametrize(
    ("density", "expected"),
    [
        ("estimated", ("given", None)),
        (1.21, ("given", 1.21)),
        ("classical", ("given", None)),
        ("simulated", ("simulated", None)),
    ],
)
def test_the_density_is_said_beside_the_model(density, expected):
    protocol = MLFFSpec(density=density).resolved_protocol()
    assert (protocol.density, protocol.density_g_cm3) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "sevennet-9"}, "sevennet-9"),
        ({"model": "analytic_potential:nothing"}, "cannot be imported"),
        ({"protocol": {"density": "simulated"}}, "'density' of the oracle"),
        ({"density": 12.0}, "no liquid electrolyte"),
        ({"dispersion": "d4"}, "dispersion"),
        ({"protocol": "fast"}, "Protocol 'fast' is unknown"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, words):
    with pytest.raises(OracleSpecError, match=words):
        build_oracle({**SPEC, **changes}, BOOK)


def test_a_package_that_is_missing_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(oracle_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OracleSpecError, match=r"sevenn.*saltloop\[mlff\]"):
        build_oracle({"kind": "mlff"}, BOOK)


def test_dispersion_goes_with_sevennet_unless_told_otherwise():
    assert MLFFSpec().d3 == Dispersion()
    assert MLFFSpec(model=SPRINGS).d3 is None
    assert MLFFSpec(model=SPRINGS, dispersion="d3bj").d3 == Dispersion()
    assert MLFFSpec(dispersion=None).d3 is None
    assert MLFFSpec(dispersion={"cutoff_nm": 1.5}).d3.cutoff_nm == 1.5


def test_what_is_known_of_the_models_errors_is_said():
    liquid = Formulation.parse("1 mol/kg LiPF6 in FEC:EMC 1:1 (w/w)")
    spec = MLFFSpec(density="simulated")
    warnings = known_limits(spec, liquid, spec.resolved_protocol())
    assert any("too dense" in one for one in warnings)
    assert any("LiPF6, FEC" in one for one in warnings)
    own = MLFFSpec(model=SPRINGS, density="simulated")
    assert known_limits(own, liquid, own.resolved_protocol()) == []


def test_a_campaign_file_may_name_it():
    settings = OracleSettings.model_validate({**SPEC, "budget_s": 60})
    assert settings.yields == "mlff"
    assert build_oracle(settings.spec(), BOOK).name == "mlff"


# Budget


def test_a_run_over_its_budget_is_refused_with_the_estimate(tmp_path):
    write_job(tmp_path, job_key="mlff", oracle_spec={**SPEC, "budget_s": 1e-3}, formulation=LIQUID, seed=4)
    outcome = run_job(tmp_path)
    assert outcome.failure.kind == "over_budget"
    assert not outcome.failure.is_retryable
    assert "s a step" in outcome.failure.reason
    assert "budget_s" in outcome.failure.reason
    assert not list(tmp_path.glob("md*"))


def test_calls_are_counted_over_stages_replicas_and_temperatures():
    protocol = MLFFSpec(protocol=SHORT).resolved_protocol()
    steps = 200 + 50 + 200
    once = calls_of(protocol, LIQUID, is_density_fixed=True)
    assert once == steps + 2 * protocol.minimise.max_iterations
    twice = protocol.model_copy(update={"replicas": 2})
    assert calls_of(twice, LIQUID, is_density_fixed=True) == 2 * once
    assert calls_of(protocol, LIQUID, is_density_fixed=False) > once
    annealed = {**SHORT, "anneal": {"when": "always", "duration_ps": 0.5, "exchange_ps": 0.0, "timestep_fs": 1.0}}
    assert calls_of(MLFFSpec(protocol=annealed).resolved_protocol(), LIQUID, is_density_fixed=True) == once + 500


def test_a_grid_has_the_box_full_of_molecules_apart():
    contents = contents_of(LIQUID, resolve_protocol(SHORT).box, BOOK)
    edge = contents.edge_nm(0.9)
    positions = on_a_grid(contents, edge)
    assert positions.shape == (contents.n_atoms, 3)
    centres = np.unique(np.round(positions, 3), axis=0)
    assert len(centres) == contents.n_atoms


# Start


def test_the_classical_density_is_found_first(tmp_path):
    found = oracle(density="classical", start={**START, "box": {"target_atoms": 190, "min_ion_pairs": 2}})
    assert found._find_density(LIQUID, tmp_path, 3, None) is None
    density, words = found.given_density(LIQUID)
    assert 0.6 < density < 1.3
    assert words.startswith("classical force field at constant pressure")
    assert (tmp_path / "classical-density" / "md").is_dir()


def test_the_density_of_one_liquid_is_not_taken_for_another(tmp_path, monkeypatch):
    densities, reused = [], oracle(density="classical", budget_s=1e-9)
    monkeypatch.setattr(
        oracle_module,
        "estimate",
        lambda potential, contents, protocol, density, **_: densities.append(density) or Estimate(1.0, 1, 1),
    )
    reused._density_found = 2.9, "another liquid's"
    assert reused.run(LIQUID, tmp_path, seed=1).failure.kind == "over_budget"
    assert densities == [pytest.approx(0.9, abs=0.15)]


@pytest.mark.parametrize(("name", "n"), [("DMC", 2), ("EMC", 2), ("EA", 1), ("EC", 0), ("GBL", 0), ("DME", 0)])
def test_only_esters_that_can_turn_have_conformers(name, n):
    assert len(ester_torsions(all_parameters()[name])) == n


def test_conformers_of_a_box_are_counted():
    dmc = all_parameters()["DMC"]
    cis = np.array(dmc.coordinates)
    _, carbon, oxygen, end = ester_torsions(dmc)[0]
    trans = cis.copy()
    turning = [end] + [j if i == end else i for i, j, _, _ in dmc.bonds if end in (i, j) and oxygen not in (i, j)]
    axis = (cis[oxygen] - cis[carbon]) / np.linalg.norm(cis[oxygen] - cis[carbon])
    arms = cis[turning] - cis[oxygen]
    trans[turning] = cis[oxygen] + 2 * np.outer(arms @ axis, axis) - arms
    (words,) = carbonate_conformers([(dmc, 3)], np.concatenate([cis, cis, trans]))
    assert "2 cis-cis, 1 cis-trans" in words
