"""The conformance suite on a toy oracle, on the real one, and on oracles that break their promises."""

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators import testing
from saltloop.simulators.testing import CHECKS, OracleCase
from tiny_protocol import TINY

LIQUID = Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")
TOY = OracleCase(
    spec={"kind": "python", "factory": "toy_oracles:StepOracle", "options": {"step_s": 0.01}},
    supported=LIQUID,
    unsupported=Formulation.parse("1 mol/kg LiPF6 in DMSO"),
    failing=Formulation.parse("6 mol/kg LiPF6 in EC"),
)
OPENMM = OracleCase(
    spec={"kind": "openmm", "protocol": TINY, "platform": "CPU"},
    supported=Formulation.parse("1.5 mol/kg LiBF4 in AN at 298.15 K"),
    unsupported=Formulation.parse("1 mol/kg LiPF6 in EC at 180 K"),
    kill_at=0.7,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_toy_oracle_conforms(check, tmp_path):
    check(TOY, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_openmm_oracle_conforms(check, tmp_path):
    check(OPENMM, tmp_path)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (testing.checks_without_side_effects, "check accepts"),
        (testing.gives_units_and_uncertainties, "names the source 'experiment'"),
        (testing.reports_progress, "progress goes back"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_broken_promises_are_found(check, words, tmp_path):
    broken = OracleCase(
        spec={"kind": "python", "factory": "toy_oracles:WrongOracle"},
        supported=LIQUID,
        unsupported=Formulation.parse("1 mol/kg LiPF6 in DMSO"),
    )
    with pytest.raises(AssertionError, match=words):
        check(broken, tmp_path)
