"""Results at the server: judged in words, on disk before the reply, in the record once."""

import threading

import pytest
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.spool import Spool, SpoolError
from saltloop.loop.lab.spool_drain import is_drained
from saltloop.loop.server.drain import Drainer, take_waiting
from saltloop.loop.steering.apply import Ask
from saltloop.loop.steering.queue import leave, waiting_requests
from server_client import client_of, ids, told


def state_of(client, answer):
    key = answer.json()["verdicts"][0]["measurement_id"]
    return client.get(f"/v1/results/{key}").json()["state"]


# Results


def test_a_result_is_on_disk_before_the_reply_and_taken_in_once(client, folder):
    sent = client.post("/v1/results", params={"robot": "r1"}, json=told("x", candidate_id=ids(client)[0]))
    assert sent.status_code == 202
    assert not is_drained(folder)
    assert state_of(client, sent) == "waiting"
    assert client.get("/v1/campaign").json()["waiting"]["results"] == 1
    take_waiting(folder)
    assert state_of(client, sent) == "taken"
    assert client.get("/v1/campaign").json()["waiting"]["results"] == 0
    assert Campaign.read(folder).events[-1].actor == "r1"


def test_a_retry_changes_nothing_whenever_it_comes(client, folder):
    assert client.post("/v1/results", json=told("x")).status_code == 202
    retry = client.post("/v1/results", json=told("x"))
    assert (retry.status_code, retry.json()["verdicts"][0]["verdict"]) == (200, "known")
    with client_of(folder) as restarted:
        assert restarted.post("/v1/results", json=told("x")).status_code == 200, "the spool is read at the start"
    take_waiting(folder)
    assert client.post("/v1/results", json=told("x")).status_code == 200
    assert len(Campaign.read(folder).record.results) == 1


def test_another_content_under_a_known_name_is_a_conflict_before_and_after_it_is_taken_in(client, folder):
    client.post("/v1/results", json=told("x", 5.0))
    early = client.post("/v1/results", json=told("x", 6.0))
    take_waiting(folder)
    late = client.post("/v1/results", json=told("x", 6.0))
    assert (early.status_code, late.status_code) == (409, 409)
    assert "waits to be taken in" in early.json()["detail"]
    assert "already told with another value (5, now 6" in late.json()["detail"]
    assert is_drained(folder)


def test_an_amendment_is_taken_before_and_after_what_it_amends_is_recorded(client, folder):
    client.post("/v1/results", json=told("x", 5.0))
    assert client.post("/v1/results", json=told("x", 6.0, amends=True)).status_code == 202
    take_waiting(folder)
    assert client.post("/v1/results", json=told("x", 7.0, amends=True)).status_code == 202
    take_waiting(folder)
    (result,) = Campaign.read(folder).record.results.values()
    assert result.measurement["value"] == 7.0
    assert len(result.earlier) == 2


@pytest.mark.parametrize("is_taken_in", [False, True])
def test_a_failure_is_not_amended_to_a_value_before_or_after_it_is_taken_in(client, folder, is_taken_in):
    failure = {"candidate_id": ids(client)[0], "external_id": "f", "status": "failed"}
    client.post("/v1/results", json=failure)
    if is_taken_in:
        take_waiting(folder)
    assert client.post("/v1/results", json=told("f", amends=True)).status_code == 409
    assert client.post("/v1/results", json=failure).status_code == 200


@pytest.mark.parametrize("is_taken_in", [False, True])
def test_a_late_retry_of_what_an_amendment_that_waits_replaces_is_known(client, folder, is_taken_in):
    client.post("/v1/results", json=told("x", 5.0))
    if is_taken_in:
        take_waiting(folder)
    client.post("/v1/results", json=told("x", 6.0, amends=True))
    assert client.post("/v1/results", json=told("x", 5.0)).status_code == 200
    with client_of(folder) as restarted:
        assert restarted.post("/v1/results", json=told("x", 5.0)).status_code == 200
        assert restarted.post("/v1/results", json=told("x", 7.0)).status_code == 409
    take_waiting(folder)
    (result,) = Campaign.read(folder).record.results.values()
    assert result.measurement["value"] == 6.0


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (told(None), 422, "no external_id"),
        (told(unit="furlong"), 422, "furlong"),
        (told(candidate_id="c9"), 422, "candidate 'c9' is unknown"),
        (told(formulation="1 mol/kg Unobtainium in EC at 298.15 K"), 422, "Unobtainium"),
        (told(volume=3), 422, "there is no field 'volume'"),
        ([told("a"), told("a", 5.0)], 422, "result 1 already has the external_id 'a'"),
        ([], 422, "holds no result"),
        (7, 422, "result 1"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_nothing_is_written(client, folder, sent, status, words):
    answer = client.post("/v1/results", json=sent)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert is_drained(folder)


def test_results_sent_together_are_taken_together_or_not_at_all(client, folder):
    answer = client.post("/v1/results", json={"results": [told("a"), told("b", unit="K")]})
    assert answer.status_code == 422
    assert [one["verdict"] for one in answer.json()["verdicts"]] == ["taken", "refused"]
    assert client.post("/v1/results", json=[told("a"), told("b")]).status_code == 202
    take_waiting(folder)
    assert len(Campaign.read(folder).record.results) == 2


def test_csv_is_taken_as_well_and_other_types_are_not(client, folder):
    text = "formulation,value,unit,standard_uncertainty,external_id\n1 mol/kg LiPF6 in EC at 298.15 K,5,mS/cm,0.1,z\n"
    assert client.post("/v1/results", content=text, headers={"content-type": "text/csv"}).status_code == 202
    assert client.post("/v1/results", content=text, headers={"content-type": "text/html"}).status_code == 415
    assert client.post("/v1/results", content="{", headers={"content-type": "application/json"}).status_code == 422


def test_too_many_results_in_one_call_are_refused(client):
    assert client.post("/v1/results", json=[told(f"r{k}") for k in range(1001)]).status_code == 413


def test_a_full_disk_acknowledges_nothing_and_the_retry_is_taken(client, folder, monkeypatch):
    append = Spool.append

    def fails(self, results, *, actor):
        raise SpoolError(28, "Results could not be written.")

    monkeypatch.setattr(Spool, "append", fails)
    failed = client.post("/v1/results", json=told("x"))
    assert failed.status_code == 503
    assert failed.headers["retry-after"]
    monkeypatch.setattr(Spool, "append", append)
    assert client.post("/v1/results", json=told("x")).status_code == 202


def test_what_is_refused_when_it_is_taken_in_can_be_read(client, folder):
    """Both were good when they came; the first one's failure settles the candidate."""
    one = ids(client)[0]
    failure = {"candidate_id": one, "external_id": "f", "status": "failed", "note": "dropped"}
    good = client.post("/v1/results", json=told("x", candidate_id=one))
    refused = client.post("/v1/results", json=failure)
    assert (good.status_code, refused.status_code) == (202, 202)
    take_waiting(folder)
    assert state_of(client, good) == "taken"
    assert state_of(client, refused) == "refused"
    assert client.get("/v1/results?state=refused").json()["items"][0]["external_id"] == "f"
    assert client.get("/v1/campaign").json()["waiting"]["results"] == 0


def test_many_robots_at_once_lose_and_double_nothing(client, folder):
    def robot(number):
        for k in range(10):
            for _ in range(2):
                assert client.post("/v1/results", json=told(f"r{number}-{k}", 5 + 0.01 * k)).status_code in (200, 202)

    robots = [threading.Thread(target=robot, args=(number,)) for number in range(8)]
    for one in robots:
        one.start()
    for one in robots:
        one.join()
    take_waiting(folder)
    names = [one.measurement["external_id"] for one in Campaign.read(folder).record.results.values()]
    assert sorted(names) == sorted(f"r{number}-{k}" for number in range(8) for k in range(10))


# Taking in


def test_while_a_run_works_nothing_else_takes_in(folder):
    with client_of(folder) as client, Campaign.open(folder):
        answer = client.post("/v1/results", json=told("x"))
        assert "the process that writes the campaign" in answer.json()["detail"]
        assert client.get("/v1/campaign").json()["writer"]["pid"]


def test_without_a_run_the_server_has_it_taken_in(folder):
    with client_of(folder, drains=True) as client:
        answer = client.post("/v1/results", json=told("x"))
        assert "this server" in answer.json()["detail"]
        for _ in range(1200):
            if state_of(client, answer) == "taken":
                break
            threading.Event().wait(0.1)
        assert state_of(client, answer) == "taken"


def test_a_request_that_needs_the_model_waits_for_a_run(folder):
    leave(folder, Ask(person="ana", n=1))
    assert not take_waiting(folder)
    assert len(waiting_requests(folder)) == 1
    drainer = Drainer(folder)
    drainer._drain()
    assert not drainer._waits(), "it is not tried again and again"
    assert drainer.problem == ""


def test_what_waits_for_a_closed_campaign_is_said_and_kept(client, folder):
    client.post("/v1/results", json=told("x"))
    with Campaign.open(folder) as campaign:
        campaign.append("closed", {"reason": "over"})
    drainer = client.app.state.site.drainer = Drainer(folder)
    drainer._stop.set()
    drainer._drain()
    assert "closed before the results" in client.get("/v1/campaign").json()["waiting"]["problem"]
    assert not is_drained(folder)
