"""Forks and warm starts: what another campaign takes over, and how both stay checkable."""

import pytest
from fakes import FakeStrategy, InlineExecutor
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.errors import CampaignError, CampaignFileError
from saltloop.loop.fork import fork
from saltloop.loop.knowledge import Knowledge
from saltloop.loop.replay import verify
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.report import status
from saltloop.loop.screen import Screen
from saltloop.loop.steering.queue import submit
from saltloop.loop.steering.settings import ChangeBudget, ChangeSpace
from saltloop.loop.strategy import SurrogateStrategy
from saltloop.loop.warm_start import is_simulation, later_changes, load_known

TOY = """
name: toy
seed: 1
space: {salts: [LiPF6, LiFSI], solvents: [EC, DMC, EMC]}
oracle: {kind: python, factory: "fakes:ToyOracle"}
budget: {rounds: 2}
"""


def go_on(campaign):
    with campaign:
        return Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()


@pytest.fixture
def parent(tmp_path):
    file = tmp_path / "toy.yaml"
    file.write_text(TOY)
    assert go_on(Campaign.start_or_resume(file)) is Step.STOP
    return tmp_path / "toy"


def retraction(campaign):
    first = next(iter(campaign.record.results))
    return {"measurement_ids": [first], "reason": "typo", "frees_candidates": True}


def seq_of(folder, event_type, which=0):
    return [event.seq for event in Campaign.read(folder).events if event.type == event_type][which]


def texts(folder):
    return [c.text for c in Campaign.read(folder).record.candidates.values()]


def test_a_fork_starts_from_the_whole_record(parent):
    made = fork(parent, "other", at=None, person="ana")
    assert made.folder == parent.parent / "other"
    assert (parent / "state.jsonl").read_bytes() == b"".join(
        line + b"\n" for line in (made.folder / "state.jsonl").read_bytes().split(b"\n")[:-2]
    )
    assert made.settings.name == "other"
    assert made.events[-1].actor == "ana"
    assert len(made.record.results) == 4
    assert "forked from toy after its event" in log_lines(made.events)[-1]


def test_a_fork_goes_its_own_way_and_can_be_replayed(parent):
    at = seq_of(parent, "stop_evaluated")
    folder = fork(parent, "other", at=at, person="ana").folder
    request = ChangeSpace(person="ana", values={"salts": ["LiFSI"]})
    submit(folder, request, lambda campaign: FakeStrategy, steal_lock=False)
    assert go_on(Campaign.open(folder)) is Step.STOP
    assert texts(folder)[:2] == texts(parent)[:2]
    assert all("LiFSI" in text for text in texts(folder)[2:])
    verdict = verify(Campaign.read(folder), FakeStrategy())
    assert verdict.is_good, verdict.problems
    assert verdict.n_decisions == 2
    assert verdict.notes == [f"results before event {at + 1} came from the parent toy; see its jobs there"]
    assert verify(Campaign.read(parent), FakeStrategy()).is_good


def test_an_unchanged_fork_decides_what_its_parent_decided(parent):
    folder = fork(parent, "other", at=seq_of(parent, "stop_evaluated"), person="ana").folder
    go_on(Campaign.open(folder))
    assert texts(folder) == texts(parent)


def test_candidates_that_were_open_are_abandoned_and_may_come_again(parent):
    made = fork(parent, "other", at=seq_of(parent, "batch_proposed"), person="ana")
    assert {(c.status, c.reason) for c in made.record.candidates.values()} == {
        ("abandoned", "open when the campaign was forked from toy")
    }
    assert not made.record.spent()
    assert go_on(Campaign.open(made.folder)) is Step.STOP


def test_a_closed_campaign_can_be_forked_and_goes_on(parent):
    with Campaign.open(parent) as campaign:
        campaign.append("closed", {"reason": "done"})
    folder = fork(parent, "other", at=None, person="ana").folder
    submit(folder, ChangeBudget(person="ana", limits={"rounds": 3}), lambda c: FakeStrategy, steal_lock=False)
    assert go_on(Campaign.open(folder)) is Step.STOP
    assert status(Campaign.read(folder))["rounds"] == 3


def test_a_fork_can_be_forked(parent):
    first = fork(parent, "first", at=None, person="ana").folder
    second = fork(first, "second", at=seq_of(first, "campaign_forked"), person="ana")
    assert second.record.fork["parent_name"] == "first"
    assert verify(second, FakeStrategy()).is_good


@pytest.mark.parametrize(
    ("name", "at", "message"),
    [
        ("toy", None, "exists; choose another name"),
        ("a/b", None, "cannot be a name"),
        ("..", None, "exists|cannot be a name"),
        ("other", 10_000, "has no event 10000"),
    ],
)
def test_a_fork_that_cannot_be_made_leaves_nothing(parent, name, at, message):
    before = sorted(parent.parent.iterdir())
    with pytest.raises(CampaignError, match=message):
        fork(parent, name, at=at, person="ana")
    assert sorted(parent.parent.iterdir()) == before


def test_a_fork_that_fails_in_the_middle_leaves_nothing(parent, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("saltloop.loop.fork._copy_weights", full_disk)
    with pytest.raises(CampaignError, match="Nothing was left behind"):
        fork(parent, "other", at=None, person="ana")
    assert sorted(path.name for path in parent.parent.iterdir()) == ["toy", "toy.yaml"]


def test_a_parent_that_was_changed_is_noticed(parent):
    made = fork(parent, "other", at=None, person="ana")
    content = (parent / "state.jsonl").read_bytes()
    (parent / "state.jsonl").write_bytes(content.replace(b"rounds are done", b"rounds are DONE"))
    assert "no longer holds event" in verify(made, FakeStrategy()).problems[0]
    (parent / "state.jsonl").unlink()
    verdict = verify(made, FakeStrategy())
    assert verdict.is_good
    assert "not at hand" in verdict.notes[0]


# Warm starts


def test_results_of_an_earlier_campaign_are_known_with_source_and_uncertainty(parent):
    known = load_known(f"campaign:{parent}", SpeciesBook.builtin())
    assert len(known) == 4
    assert {(m.source, m.standard_uncertainty) for m in known} == {("openmm", 0.3)}
    assert all(is_simulation(one) for one in known)
    assert load_known(f"campaign:{parent}.yaml", SpeciesBook.builtin()) == known


def test_a_warm_start_can_be_pinned_to_an_event(parent):
    at = seq_of(parent, "stop_evaluated")
    assert len(load_known(f"campaign:{parent}@{at}", SpeciesBook.builtin())) == 2


@pytest.fixture
def child(parent):
    file = parent.parent / "child.yaml"
    file.write_text(TOY.replace("name: toy", f'name: child\ndata: [literature, "campaign:{parent}"]'))
    go_on(Campaign.start_or_resume(file))
    return file


def test_an_earlier_campaign_may_go_on_while_its_results_are_in_use(parent, child):
    last = len(Campaign.read(parent).events) - 1
    submit(parent, ChangeBudget(person="ana", limits={"rounds": 3}), lambda c: FakeStrategy, steal_lock=False)
    go_on(Campaign.open(parent))
    with Campaign.start_or_resume(child) as campaign:
        assert campaign.settings.data == ("literature", f"campaign:{parent}@{last}")
    assert len(load_known(f"campaign:{parent}@{last}", SpeciesBook.builtin())) == 4
    child.write_text(child.read_text().replace(str(parent), str(parent) + "@3"))
    with pytest.raises(CampaignFileError, match="data"):
        Campaign.start_or_resume(child)


def test_results_retracted_after_they_were_taken_over_are_said(parent, child):
    assert not later_changes(Campaign.read(child.with_suffix("")).settings.data)
    with Campaign.open(parent) as campaign:
        campaign.append("result_retracted", retraction(campaign))
    (note,) = later_changes(Campaign.read(child.with_suffix("")).settings.data)
    assert "1 result(s) were amended or retracted there" in note


def test_simulated_results_of_an_earlier_campaign_are_made_experiment_equivalent(child):
    with Campaign.open(child.with_suffix("")) as campaign:
        strategy = SurrogateStrategy(campaign)
        assert all(m.source == "experiment" for m in strategy.known_measurements())
        results = Knowledge(campaign.settings, campaign.species).results(campaign)
        assert len(results) == 8
        (equivalent, *_) = strategy.discrepancy(results).as_experiments(results)
        assert equivalent.standard_uncertainty > results[0].standard_uncertainty


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("campaign:nowhere", "nowhere cannot be read as a campaign"),
        ("campaign:{parent}@9999", "has no event 9999"),
        ("campaign:{parent}@last", "'last' is no event number"),
    ],
)
def test_an_earlier_campaign_that_cannot_be_read_is_named(parent, name, message):
    with pytest.raises(DataError, match=message):
        load_known(name.format(parent=parent), SpeciesBook.builtin())


def test_retracted_results_are_not_taken_over(parent):
    with Campaign.open(parent) as campaign:
        campaign.append("result_retracted", retraction(campaign))
    assert len(load_known(f"campaign:{parent}", SpeciesBook.builtin())) == 3
