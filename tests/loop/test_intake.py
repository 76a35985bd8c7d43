"""Results from a lab: the whole file or nothing, once, and never for a candidate that nobody asked for."""

import pytest
from fakes import FakeStrategy
from lab_campaign import tell
from saltloop.chemistry.errors import DataError, SaltloopError
from saltloop.loop.campaign import Campaign
from saltloop.loop.decisions import propose_batch
from saltloop.loop.screen import Screen

LAB = """
name: lab
seed: 1
space: {salts: [LiPF6], solvents: [EC, DMC]}
oracle: {kind: lab}
"""
HEADER = "candidate_id,formulation,value,unit,standard_uncertainty,source,external_id\n"


@pytest.fixture
def campaign(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(LAB)
    with Campaign.start_or_resume(file) as opened:
        strategy = FakeStrategy()
        fit = strategy.fit(opened, iteration=0)
        opened.append("surrogate_fitted", {**fit, "n_rounds": 0})
        propose_batch(opened, strategy, n=2, assigned_to="lab", screen=Screen(is_quiet=True))
        yield opened


@pytest.fixture
def results(tmp_path):
    def write(content):
        path = tmp_path / "results.csv"
        path.write_bytes(content if isinstance(content, bytes) else (HEADER + content).encode())
        return path

    return write


def ids(campaign):
    return list(campaign.record.candidates)


def test_results_complete_their_candidates(campaign, results):
    first, second = ids(campaign)
    told = tell(campaign, results(f"{first},,9.1,mS/cm,0.2,experiment,r1\n{second},,0.85,S/m,0.02,experiment,r2\n"))
    assert (told.n_ingested, told.n_known) == (2, 0)
    assert {c.status for c in campaign.record.candidates.values()} == {"completed"}
    values = {m.external_id: m.in_unit("mS/cm").value for m in campaign.measurements()}
    assert values == {"r1": pytest.approx(9.1), "r2": pytest.approx(8.5)}


def test_telling_a_file_twice_changes_nothing(campaign, results):
    file = results(f"{ids(campaign)[0]},,9.1,mS/cm,0.2,experiment,r1\n")
    tell(campaign, file)
    n_events = campaign.record.n_events
    told = tell(campaign, file)
    assert (told.n_ingested, told.n_known) == (0, 1)
    assert campaign.record.n_events == n_events


def test_a_dry_run_records_nothing(campaign, results):
    n_events = campaign.record.n_events
    told = tell(campaign, results(f"{ids(campaign)[0]},,9.1,mS/cm,0.2,experiment,r1\n"), dry_run=True)
    assert told.n_ingested == 1
    assert campaign.record.n_events == n_events


def test_a_result_that_nobody_asked_for_is_welcome(campaign, results):
    told = tell(campaign, results(",1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K,11.2,mS/cm,0.3,experiment,x\n"))
    assert told.n_ingested == 1
    assert {c.status for c in campaign.record.candidates.values()} == {"candidate"}


def test_replicates_are_welcome(campaign, results):
    first = ids(campaign)[0]
    told = tell(campaign, results(f"{first},,9.1,mS/cm,0.2,experiment,r1\n{first},,9.1,mS/cm,0.2,experiment,r2\n"))
    assert told.n_ingested == 2
    assert len(campaign.record.candidates[first].measurement_ids) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c999-1-nobody,,9.1,mS/cm,0.2,experiment,r1\n", "candidate 'c999-1-nobody' is unknown"),
        (",,9.1,mS/cm,0.2,experiment,r1\n", "formulation"),
        (",1.0 mol/kg LiPF6 in EC:DMCC 1:1 (w/w) at 298.15 K,9,mS/cm,0.2,experiment,r1\n", "'DMC'"),
        (",1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 25 K,9,mS/cm,0.2,experiment,r1\n", "25"),
        (",-1.0 mol/kg LiPF6 in EC at 298.15 K,9,mS/cm,0.2,experiment,r1\n", "line 2"),
        ("FIRST,,9.1,,0.2,experiment,r1\n", "unit"),
        ("FIRST,,9.1,furlongs,0.2,experiment,r1\n", "furlongs"),
        ("FIRST,,nan,mS/cm,0.2,experiment,r1\n", "line 2"),
        ("FIRST,,nine,mS/cm,0.2,experiment,r1\n", "nine"),
        ("FIRST,,9.1,mS/cm,-0.2,experiment,r1\n", "line 2"),
        ("FIRST,,9.1,mS/cm,0.2,experiment,r1\nFIRST,,9.1,mS/cm,0.2,experiment,r1\n", "line 3"),
    ],
)
def test_a_bad_row_refuses_the_whole_file(campaign, results, row, message):
    first, second = ids(campaign)
    n_events = campaign.record.n_events
    good = f"{second},,8.0,mS/cm,0.2,experiment,good\n"
    with pytest.raises(SaltloopError, match=message):
        tell(campaign, results(row.replace("FIRST", first) + good))
    assert campaign.record.n_events == n_events


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", HEADER.encode()])
def test_an_empty_or_binary_file_is_refused(campaign, results, content):
    n_events = campaign.record.n_events
    with pytest.raises(DataError, match=r"results\.csv"):
        tell(campaign, results(content))
    assert campaign.record.n_events == n_events


def test_another_value_for_the_same_external_id_is_a_conflict(campaign, results):
    first = ids(campaign)[0]
    tell(campaign, results(f"{first},,9.1,mS/cm,0.2,experiment,r1\n"))
    with pytest.raises(DataError, match=r"'r1' from 'experiment' was already told with another value.*new external_id"):
        tell(campaign, results(f"{first},,7.7,mS/cm,0.2,experiment,r1\n"))


def test_an_impossible_value_is_quarantined_and_said(campaign, results, tmp_path):
    first, second = ids(campaign)
    told = tell(campaign, results(f"{first},,900,mS/cm,5,experiment,r1\n{second},,9,mS/cm,1,experiment,r2\n"))
    assert (told.n_ingested, told.n_quarantined) == (1, 1)
    assert "line 2 is quarantined: a conductivity of 900 mS/cm is above" in told.messages[0]
    candidate = campaign.record.candidates[first]
    assert (candidate.status, candidate.may_come_again) == ("failed", False)
    assert candidate.reason.startswith("quarantined: a conductivity of 900")
    assert [call.outcome for call in campaign.record.calls] == ["quarantined", "ok"]
    again = tell(campaign, tmp_path / "results.csv")
    assert (again.n_ingested, again.n_known, again.n_quarantined) == (0, 2, 0)


STATUS = "candidate_id,formulation,value,unit,standard_uncertainty,status,note\n"
LIQUID = "1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K"


def test_a_failure_of_the_liquid_and_a_mishap_are_told_apart(campaign, results):
    first, second = ids(campaign)
    file = results((STATUS + f"{first},,,,,crystallised,overnight\n{second},,,,,failed,cell dropped\n").encode())
    told = tell(campaign, file)
    assert (told.n_ingested, told.n_failed) == (0, 2)
    record = campaign.record
    assert (record.candidates[first].status, record.candidates[first].reason) == ("abandoned", "overnight")
    assert record.candidates[second].status == "failed"
    assert list(record.infeasible) == [record.candidates[first].formulation_id]
    assert record.candidates[second].formulation_id not in record.spent(), "a mishap may be tried again"
    assert [call.outcome for call in record.calls] == ["crystallised", "failed"]
    assert tell(campaign, file).n_known == 2


def test_an_infeasible_liquid_that_nobody_asked_for_teaches_too(campaign, results):
    file = results((STATUS + f",{LIQUID},,,,separated,\n").encode())
    assert tell(campaign, file).n_failed == 1
    assert tell(campaign, file).n_known == 1
    (entry,) = campaign.record.infeasible.values()
    assert entry["reason"] == "the lab says: separated"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{first},,,,,exploded,", "status 'exploded' is unknown; known are ok, suspect"),
        ("{first},,9.1,mS/cm,0.2,infeasible,", "keep the one that is true"),
        ("c9,,,,,failed,", "candidate 'c9' is unknown"),
        (f",{LIQUID},,,,failed,", "a mishap with a liquid that nobody asked for"),
    ],
)
def test_a_failure_that_cannot_be_is_refused(campaign, results, row, message):
    with pytest.raises(DataError, match=message):
        tell(campaign, results((STATUS + row.format(first=ids(campaign)[0]) + "\n").encode()))


def test_a_failure_does_not_undo_a_result(campaign, results):
    first = ids(campaign)[0]
    tell(campaign, results(f"{first},,9.1,mS/cm,0.2,experiment,r1\n"))
    with pytest.raises(DataError, match="is completed already"):
        tell(campaign, results((STATUS + f"{first},,,,,infeasible,\n").encode()))
