"""Several objectives: what tells each, how they are weighed together, and which measured liquids none other beats."""

import math
from pathlib import Path

import pytest
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from saltloop.chemistry import Formulation, Measurement, SpeciesBook
from saltloop.loop.acquisition.choose import choose_batch
from saltloop.loop.acquisition.objective_models import build_objectives, column_values
from saltloop.loop.acquisition.settings import AcquisitionSettings, ObjectiveSettings
from saltloop.loop.errors import CampaignError, CampaignFileError
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.settings import SpaceSettings
from saltloop.surrogates.encoding import FormulationEncoder

BOOK = SpeciesBook.builtin()
ENCODER = FormulationEncoder(BOOK, ["LiPF6", "LiFSI"], ["DMC", "EC", "DME"])
SPACE = CandidateSpace(
    SpaceSettings.model_validate(
        {
            "salts": ["LiPF6", "LiFSI"],
            "solvents": ["DMC", "EC", "DME"],
            "columns": {"cost": {"LiPF6": 20, "LiFSI": 80, "DMC": 1, "EC": 2, "DME": 3}},
        }
    ),
    BOOK,
)


class Conductivity(Model):
    """Rises with molality; hardly any doubt."""

    num_outputs = 1

    def posterior(self, X, *_, **__):
        mean, _ = self.predict_encoded(X.reshape(-1, X.shape[-1]))
        mean = mean.reshape(X.shape[:-1])
        return GPyTorchPosterior(
            MultivariateNormal(mean, 0.01 * torch.eye(X.shape[-2], dtype=torch.double).expand(*mean.shape, -1))
        )

    def predict_encoded(self, X):
        return 8 * X[:, ENCODER.salt_slice].sum(-1), torch.full((len(X),), 0.1, dtype=torch.double)


def liquid(molality=1.0, salt="LiPF6", **solvents):
    return Formulation.create({salt: molality}, solvents or {"DMC": 1.0})


def viscosity(formulation, value, n=0):
    return Measurement(
        formulation=formulation, quantity="viscosity", value=value, unit="mPa s", standard_uncertainty=0.02 * value,
        source="experiment", external_id=str(n),
    )  # fmt: skip


def objectives(*wanted, measurements=None, space=SPACE):
    return build_objectives(
        [ObjectiveSettings.model_validate(one) for one in wanted],
        Conductivity(),
        ENCODER,
        measurements=measurements or {},
        column=lambda name: column_values(space, ENCODER, name),
        offered=["DMC", "EC", "DME"],
    )


CONDUCTIVITY = {"quantity": "conductivity", "reference": 2.0}
COST = {"column": "cost", "goal": "minimise", "reference": 20.0}
VISCOSITY = {"quantity": "viscosity", "goal": "minimise", "reference": 5.0}
OXIDATION = {"quantity": "oxidation_potential", "reference": 6.0}


def test_without_objectives_conductivity_alone_is_wanted():
    alone = objectives()
    assert alone.is_single
    assert alone.names == ("conductivity",)


def test_a_users_column_counts_salt_and_solvent_by_mass():
    X = ENCODER.encode([liquid(1.0), liquid(1.0, salt="LiFSI")])
    cheap, dear = objectives(CONDUCTIVITY, COST).describe(X)
    kg = BOOK.salt("LiPF6").molar_mass / 1000
    assert cheap["cost"]["value"] == pytest.approx((1 + 20 * kg) / (1 + kg))
    assert dear["cost"]["value"] > cheap["cost"]["value"]
    assert cheap["cost"]["standard_deviation"] == 0


def test_an_expression_over_columns_can_be_an_objective():
    told = objectives(CONDUCTIVITY, {"column": "mixture_viscosity_mPa_s", "goal": "minimise", "reference": 3.0})
    thin, thick = told.describe(ENCODER.encode([liquid(DME=1.0), liquid(EC=0.8, DMC=0.2)]))
    assert thin["mixture_viscosity_mPa_s"]["value"] < thick["mixture_viscosity_mPa_s"]["value"]


def test_a_value_that_nobody_knows_is_an_error_with_the_species():
    space = CandidateSpace(SPACE.settings.model_copy(update={"columns": {"cost": {"DMC": 1.0, "LiPF6": 2.0}}}), BOOK)
    told = objectives(CONDUCTIVITY, COST, space=space)
    with pytest.raises(CampaignError, match="'cost' is not known for a mixture of LiPF6, EC"):
        told.describe(ENCODER.encode([liquid(EC=1.0)]))


def test_the_solvent_that_gives_its_electron_most_easily_decides_oxidation():
    told = objectives(CONDUCTIVITY, OXIDATION).describe(
        ENCODER.encode([liquid(EC=1.0), liquid(EC=0.5, DMC=0.5), liquid(EC=0.9, DME=0.1), liquid(DME=1.0)])
    )
    ec, with_dmc, with_dme, dme = (one["oxidation_potential"]["value"] for one in told)
    assert ec >= with_dmc > with_dme == dme
    assert 5 < dme < 10


def test_few_values_leave_the_prior_and_a_note_many_are_learned():
    few = objectives(CONDUCTIVITY, VISCOSITY, measurements={"viscosity": [viscosity(liquid(), 3.0)]})
    (note,) = few.notes
    assert "viscosity: 1 measured value(s), fewer than 5" in note
    none = objectives(CONDUCTIVITY, VISCOSITY).describe(ENCODER.encode([liquid()]))[0]["viscosity"]
    assert none["value"] == pytest.approx(5.0, rel=0.01)
    assert none["standard_deviation"] == pytest.approx(2.5, rel=0.05)
    rows = [viscosity(liquid(0.4 + 0.2 * k), 2.0 * math.exp(0.5 * k), k) for k in range(6)]
    many = objectives(CONDUCTIVITY, VISCOSITY, measurements={"viscosity": rows})
    assert many.notes == ()
    told = many.describe(ENCODER.encode([row.formulation for row in rows]))
    for row, one in zip(rows, told, strict=True):
        assert one["viscosity"]["value"] == pytest.approx(row.value, rel=0.15)


def test_a_limit_bars_what_breaks_it_beyond_doubt():
    told = objectives(CONDUCTIVITY, {**COST, "at_most": 10.0})
    mean, std = told.predict(ENCODER.encode([liquid(1.0), liquid(1.5, salt="LiFSI")]))
    assert told.allowed(mean, std, 2.0).tolist() == [True, False]


def test_the_front_is_what_no_other_beats():
    told = objectives(CONDUCTIVITY, COST)
    rows = [liquid(0.5), liquid(1.0), liquid(1.5), liquid(1.0, salt="LiFSI")]
    assert told.front(ENCODER.encode(rows)) == [0, 1, 2], "LiFSI conducts as well here, and costs more"


def decide(told, kind="qlognehvi", n=2, **more):
    return choose_batch(
        Conductivity(),
        ENCODER,
        SPACE,
        AcquisitionSettings(kind=kind, mc_samples=32, shortlist=32, **{"refine": False, **more}),
        n=n,
        baseline=[liquid(0.5), liquid(0.6, EC=0.5, DMC=0.5)],
        pending=[liquid(1.2)],
        known_ids=frozenset(),
        seed=2,
        objectives=told,
    )


@pytest.mark.parametrize("kind", ["qlognehvi", "qlogehvi", "uniform"])
def test_a_batch_weighs_all_objectives_and_tells_them(kind):
    decision = decide(objectives(CONDUCTIVITY, COST), kind)
    assert decision == decide(objectives(CONDUCTIVITY, COST), kind)
    assert len({one.formulation for one in decision.chosen}) == 2
    for one in decision.chosen:
        assert set(one.objectives) == {"conductivity", "cost"}
        assert one.objectives["cost"]["goal"] == "minimise"
        assert one.mean == pytest.approx(one.objectives["conductivity"]["value"])
        if kind != "uniform":
            assert set(one.formulation.molality) == {"LiPF6"}, "as good as LiFSI and cheaper"
    assert decision.front[0]["objectives"]["conductivity"]["unit"] == "mS/cm"
    assert decision.outlook["best_measured_mS_cm"] == pytest.approx(4.8, abs=0.01)


def test_a_hard_limit_is_kept():
    limited = decide(objectives({**CONDUCTIVITY, "at_most": 6.0}, COST))
    assert all(sum(one.formulation.molality.values()) < 0.9 for one in limited.chosen)


def test_measured_and_computed_objectives_go_together_and_refine():
    rows = [viscosity(liquid(0.4 + 0.2 * k), 2.0 + k, k) for k in range(6)]
    told = objectives(CONDUCTIVITY, VISCOSITY, OXIDATION, measurements={"viscosity": rows})
    decision = decide(told, n=1, refine=True)
    assert SPACE.contains(decision.chosen[0].formulation)
    assert math.isfinite(decision.chosen[0].acquisition_value)


def test_too_many_at_once_for_qlogehvi_is_said():
    with pytest.raises(CampaignError, match="qlogehvi weighs at most 6 formulations together"):
        decide(objectives(CONDUCTIVITY, COST), "qlogehvi", n=7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("objectives: [{quantity: conductivity, reference: 2}]", "one alone"),
        (
            "objectives: [{quantity: conductivity, reference: 2}, {column: n_solvents, reference: 3, goal: minimise}]",
            "acquisition.kind 'qlognei' weighs one objective, there are 2; write qlognehvi",
        ),
        ("acquisition: {kind: qlognehvi}", "name them under 'objectives'"),
        ("objectives: [{quantity: conductivty, reference: 2}]", "'conductivty' is no quantity"),
        ("objectives: [{reference: 2}]", "name either a 'quantity' or a 'column'"),
        ("objectives: [{quantity: viscosity, reference: 2, at_least: 3, at_most: 1}]", "no liquid is both"),
    ],
)
def test_a_campaign_file_that_asks_for_nonsense_is_told_so(tmp_path, text, said):
    file = tmp_path / "c.yaml"
    file.write_text(f"space: {{salts: [LiPF6], solvents: [EC, DMC]}}\n{text}\n")
    with pytest.raises(CampaignFileError, match=said.replace("'", "'")):
        load_campaign_file(file)


def test_the_example_in_the_docs_is_a_campaign_that_can_choose(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text(encoding="utf-8")
    (example,) = [block for block in page.split("```yaml\n")[1:] if block.startswith("name: thin-and-cheap")]
    (tmp_path / "c.yaml").write_text(example.split("```")[0])
    settings = load_campaign_file(tmp_path / "c.yaml")
    space = CandidateSpace(settings.space, BOOK)
    encoder = FormulationEncoder(BOOK, ["LiPF6", "LiFSI"], ["EC", "DMC", "EMC", "DME"])
    told = build_objectives(
        settings.objectives,
        Conductivity(),
        encoder,
        measurements={},
        column=lambda name: column_values(space, encoder, name),
        offered=settings.space.solvents,
    )
    (one,) = told.describe(encoder.encode([liquid(EC=0.3, EMC=0.7)]))
    assert 2 < one["cost_per_kg"]["value"] < 6
