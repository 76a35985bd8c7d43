"""FINALES' requests and results, and frames as BayBE and Ax have them, are the one schema."""

import datetime

import pandas as pd
import pytest
from fakes import FakeStrategy
from lab_campaign import LIQUID, report, start
from saltloop.chemistry import Formulation
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.result_liquid import difference, liquid_of
from saltloop.chemistry.result_value import reading
from saltloop.loop.decisions import propose_batch
from saltloop.loop.lab.finales import from_result, to_request
from saltloop.loop.lab.frames import (
    candidates_frame,
    results_frame,
    results_from_ax,
    results_from_frame,
    results_from_parameters,
)
from saltloop.loop.lab.intake import take
from saltloop.loop.screen import Screen

CARBONATES = Formulation.parse("1 mol/kg LiPF6 in EC:EMC:DMC 2:3:5 (w/w) at 298.15 K")


@pytest.fixture
def campaign(tmp_path):
    with start(tmp_path) as opened:
        yield opened


def finales(values=(1.02, 1.04), formulation=CARBONATES, method="two_electrode", success=True, rating=5, **more):
    """A result with the fields that the public schema requires."""
    components = to_request(formulation, tenant_uuid="t")["parameters"]["two_electrode"]["formulation"]
    data = {
        "run_info": {"formulation": components, "internal_reference": "7f38c012", "formulation_info": None},
        "conductivity": {"values": list(values), "temperature": 298, "meta": {"success": success, "rating": rating}},
    }
    result = {"data": data, "quantity": "conductivity", "method": [method], "parameters": {}, "tenant_uuid": "t"}
    info = {"uuid": "5362797a", "ctime": "2026-07-26T11:22:20", "status": "original"}
    return {**info, "result": {**result, "request_uuid": "e371b68e", **more}}


def test_a_finales_request_has_mole_fractions_of_the_whole_mixture():
    request = to_request(CARBONATES, tenant_uuid="fd8446d0")
    assert request["methods"] == ["two_electrode"]
    parameters = request["parameters"]["two_electrode"]
    assert parameters["temperature"] == 298.15
    assert sum(part["fraction"] for part in parameters["formulation"]) == pytest.approx(1)
    keys = {part["chemical"]["InChIKey"] for part in parameters["formulation"]}
    assert keys == {
        "AXPLOJNSKRXQPA-UHFFFAOYSA-N",
        "IEJIGPNLZYLLBP-UHFFFAOYSA-N",
        "JBTWLSYIZRCDFO-UHFFFAOYSA-N",
        "KMTRUDSVKNLOMY-UHFFFAOYSA-N",
    }


def test_a_finales_result_is_read():
    result = from_result(finales(), candidates={"e371b68e": "c1"}, zone=datetime.UTC)
    assert (result.source, result.external_id, result.candidate_id) == ("experiment", "5362797a", "c1")
    assert result.measured_at == datetime.datetime(2026, 7, 26, 11, 22, 20, tzinfo=datetime.UTC)
    assert difference(CARBONATES, liquid_of(result)) == ""
    assert reading(result)[:2] == (pytest.approx(1.03), "S/m")
    assert from_result(finales(method="molecular_dynamics")).source == "molecular_dynamics"
    assert from_result(finales(success=False)).status == "failed"
    assert from_result(finales(rating=1)).status == "suspect"
    assert reading(from_result(finales([1.02]), relative_uncertainty=0.03)).standard_uncertainty == pytest.approx(
        0.0306
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (finales([1.02]), "give relative_uncertainty"),
        (finales([]), "without a value"),
        (finales(quantity="density"), "only conductivity"),
        ({"result": {}}, "'quantity'"),
        ({}, "'quantity'"),
        (finales(data={"run_info": {}, "conductivity": {}}), "'formulation_info'"),
    ],
)
def test_what_is_no_finales_result_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        from_result(data)


def test_a_chemical_that_nobody_knows_is_named():
    data = finales()
    data["result"]["data"]["run_info"]["formulation"][0]["chemical"] = {"InChIKey": "X", "SMILES": "C"}
    with pytest.raises(DataError, match=r"the chemical X \(C\) is no species"):
        from_result(data)


def test_candidates_come_as_parameters_and_go_back_as_results(campaign):
    frame = candidates_frame(campaign)
    assert list(frame.index) == list(campaign.record.candidates)
    assert frame[["EC", "DMC"]].sum(axis=1).tolist() == pytest.approx([1, 1])
    frame["conductivity"] = [9.1, 8.7]
    results = results_from_parameters(frame.assign(external_id=["a", "b"]), uncertainty=0.02)
    told = take(campaign, results, actor="notebook")
    assert (told.n_ingested, told.messages) == (2, ()), "the same liquids as asked for"
    assert {c.status for c in campaign.record.candidates.values()} == {"completed"}
    kept = results_frame(campaign)
    assert kept["value"].tolist() == [9.1, 8.7]
    assert kept["counts"].all()


def test_a_frame_with_the_schemas_own_columns(campaign):
    frame = pd.DataFrame(
        [
            {
                "external_id": "a",
                "formulation": LIQUID,
                "value": 9,
                "unit": "mS/cm",
                "standard_uncertainty": 0.2,
                "note": None,
                "cost": float("nan"),
                "measured_at": pd.Timestamp("2026-11-21T10:00Z"),
            }
        ]
    )
    (result,) = results_from_frame(frame)
    assert result == report("a", 9.0, formulation=LIQUID, measured_at="2026-11-21T10:00:00Z")
    with pytest.raises(DataError, match=r"row 1: .*colour"):
        results_from_frame(frame.assign(colour=1))


def test_a_frame_in_which_only_some_rows_have_a_number_of_readings():
    told = {"formulation": LIQUID, "value": 9.1, "unit": "mS/cm"}
    rows = [{**told, "standard_deviation": 0.2, "n": 4}, {**told, "standard_uncertainty": 0.3}]
    assert [reading(one).standard_uncertainty for one in results_from_frame(pd.DataFrame(rows))] == [0.1, 0.3]


def test_ax_frames_are_joined_by_arm():
    arms = pd.DataFrame(
        {"arm_name": ["0_0", "1_0"], "EC": [0.3, 0.5], "EMC": [0.7, 0.5], "LiPF6": [1.0, 1.2], "temperature_K": 298.15}
    )
    data = pd.DataFrame(
        {
            "arm_name": ["1_0", "0_0"],
            "metric_name": "conductivity",
            "mean": [9.0, 9.4],
            "sem": [0.1, 0.2],
            "trial_index": [1, 0],
        }
    )
    first, second = results_from_ax(arms, data, experiment="ax1")
    assert (first.external_id, first.value, first.standard_uncertainty) == ("ax1-1-1_0", 9.0, 0.1)
    assert str(liquid_of(second)) == "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"
    with pytest.raises(DataError, match="'data' has no column sem"):
        results_from_ax(arms, data.drop(columns="sem"), experiment="ax1")


def test_an_empty_campaign_gives_empty_frames(tmp_path):
    with start(tmp_path, n=1) as campaign:
        assert results_frame(campaign).empty
        assert len(candidates_frame(campaign)) == 1
        propose_batch(campaign, FakeStrategy(), n=1, assigned_to="lab", screen=Screen(is_quiet=True))
        assert len(candidates_frame(campaign)) == 2
