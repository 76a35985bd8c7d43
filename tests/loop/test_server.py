"""The server: candidates out, people's decisions in, and what it tells of the campaign."""

from fakes import FakeStrategy, InlineExecutor
from lab_campaign import LAB, start
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller
from saltloop.loop.lab.settings import LabSettings
from saltloop.loop.screen import Screen
from saltloop.loop.server import steer
from saltloop.loop.server.drain import take_waiting
from saltloop.loop.server.reading import Reading
from saltloop.loop.steering.queue import waiting_requests
from server_client import client_of, ids, told

# Candidates


def test_candidates_by_status_page_by_page(client, folder):
    first, second = ids(client, status="open", assigned_to="lab")
    assert ids(client, status="completed") == []
    assert ids(client, assigned_to="oracle") == []
    page = client.get("/v1/candidates", params={"offset": 1, "limit": 1}).json()
    assert (page["total"], [one["candidate_id"] for one in page["items"]]) == (2, [second])
    client.post("/v1/results", json=told(candidate_id=first))
    take_waiting(folder)
    assert ids(client, status=["completed", "failed"]) == [first]


def test_one_candidates_story(client, folder):
    one = ids(client)[0]
    client.post("/v1/results", json=told(candidate_id=one))
    take_waiting(folder)
    found = client.get(f"/v1/candidates/{one}").json()
    assert found["status"] == "completed"
    assert found["results"][0]["value"] == 9.1
    assert "predicted     5.00 ± 2.00 mS/cm" in found["story"]
    assert client.get(f"/v1/candidates/{one}/story").json()["id"] == one
    assert client.get("/v1/candidates/nobody").status_code == 404


def test_a_claim_is_one_robots_and_visible(client, folder):
    one, other = ids(client)
    assert client.post(f"/v1/candidates/{one}/claim", params={"robot": "r1"}).status_code == 200
    again = client.post(f"/v1/candidates/{one}/claim", params={"robot": "r1", "lease_minutes": 5})
    assert again.json()["claim"]["robot"] == "r1"
    refused = client.post(f"/v1/candidates/{one}/claim", params={"robot": "r2"})
    assert refused.status_code == 409
    assert "claimed by 'r1'" in refused.json()["detail"]
    assert [c["candidate_id"] for c in client.post("/v1/claims?robot=r2&n=4").json()["items"]] == [other]
    with client_of(folder) as restarted:
        assert [c["robot"] for c in restarted.get("/v1/claims").json()["items"]] == ["r1", "r2"]
        assert [c["robot"] for c in restarted.get("/v1/campaign").json()["claims"]] == ["r1", "r2"]
    assert client.delete(f"/v1/candidates/{one}/claim?robot=r2").status_code == 409
    assert client.delete(f"/v1/candidates/{one}/claim?robot=r1").json()["claim"] is None


def test_a_worklist_of_what_a_robot_has(client):
    one, _ = ids(client)
    client.post(f"/v1/candidates/{one}/claim?robot=r1")
    assert [vial["candidate_id"] for vial in client.get("/v1/worklist?robot=r1").json()["vials"]] == [one]
    assert len(client.get("/v1/worklist").json()["vials"]) == 2
    text = client.get("/v1/worklist?format=csv")
    assert text.headers["content-type"].startswith("text/csv")
    assert text.text.startswith("vial,kind,candidate_id")


def test_a_candidate_whose_result_waits_is_nobodys_to_claim(client):
    one, other = ids(client)
    assert client.post("/v1/claims?robot=r1&n=1").json()["items"][0]["candidate_id"] == one
    client.post("/v1/results?robot=r1", json=told(candidate_id=one))
    assert [c["candidate_id"] for c in client.post("/v1/claims?robot=r1&n=1").json()["items"]] == [other]
    assert "waits to be taken in" in client.post(f"/v1/candidates/{one}/claim?robot=r2").json()["detail"]


def test_worklists_follow_the_campaign_files_settings_where_it_is_served(folder):
    with client_of(folder, lab=LabSettings(replicates=3)) as client:
        assert len(client.get("/v1/worklist").json()["vials"]) == 6


# Steering


def steer_to(client, path, **word):
    return client.post(f"/v1{path}", json={"person": "ana", **word})


def test_each_decision_is_an_event_with_a_name(tmp_path):
    with start(tmp_path, LAB + "approval: manual\n", n=3) as campaign:
        folder = campaign.folder
    with client_of(folder) as client:
        first, second, third = ids(client)
        client.post("/v1/results", json=[told("bad", 500.0), told("odd", 5.0, status="suspect"), told("good", 6.0)])
        take_waiting(folder)
        held = {one["external_id"]: one["measurement_id"] for one in client.get("/v1/results").json()["items"]}
        for path, word in (
            (f"/candidates/{first}/approve", {}),
            (f"/candidates/{second}/reject", {"reason": "too dear"}),
            (f"/candidates/{third}/reject", {"reason": "solid", "is_infeasible": True}),
            (f"/results/{held['bad']}/reject", {"reason": "typo"}),
            (f"/results/{held['odd']}/release", {}),
            (f"/results/{held['good']}/retract", {"reason": "leak"}),
            ("/campaign/pause", {"reason": "weekend"}),
            ("/campaign/resume", {}),
            ("/campaign/stop", {"reason": "done"}),
        ):
            done = steer_to(client, path, **word)
            assert (done.status_code, done.json()["state"]) == (200, "done"), done.json()
        assert steer_to(client, "/campaign/pause", reason="x").status_code == 409
        refused = client.post("/v1/results", json=told("late"))
        assert (refused.status_code, "closed" in refused.json()["detail"]) == (409, True)
    events = Campaign.read(folder).events[-9:]
    assert {event.actor for event in events} == {"ana"}
    assert [event.type for event in events] == [
        "candidate_approved", "candidate_rejected", "candidate_rejected", "quarantine_rejected", "quarantine_released",
        "result_retracted", "paused", "resumed", "closed",
    ]  # fmt: skip
    assert events[2].data["is_infeasible"]


def test_a_decision_that_cannot_be_is_refused_in_words(client):
    one = ids(client)[0]
    assert steer_to(client, "/campaign/resume").status_code == 409
    assert steer_to(client, "/candidates/nobody/approve").status_code == 404
    assert steer_to(client, "/results/m1/release").status_code == 404
    assert steer_to(client, f"/candidates/{one}/reject").status_code == 422, "a reason is needed"
    nameless = client.post(f"/v1/candidates/{one}/approve", json={"person": " "})
    assert "person" in nameless.json()["detail"]
    key = client.post("/v1/results", json=told("x")).json()["verdicts"][0]["measurement_id"]
    assert "not taken in yet" in steer_to(client, f"/results/{key}/retract", reason="x").json()["detail"]


def test_a_decision_sent_again_is_done_once(client, folder):
    word = {"reason": "weekend", "request_id": "a" * 32}
    first, again = steer_to(client, "/campaign/pause", **word), steer_to(client, "/campaign/pause", **word)
    assert first.json() == again.json()
    assert [event.type for event in Campaign.read(folder).events].count("paused") == 1
    assert client.get(f"/v1/requests/{'a' * 32}").json()["state"] == "done"
    assert client.get(f"/v1/requests/{'b' * 32}").status_code == 404


def test_a_decision_sent_again_while_the_first_is_being_done_has_its_answer(client, folder, monkeypatch):
    word, check, firsts = {"reason": "weekend", "request_id": "a" * 32}, steer.check, []

    def check_while_the_first_is_done(campaign, request):
        check(campaign, request)
        if not firsts:
            firsts.append(None)
            firsts.append(steer.ask(Reading(folder), request))

    monkeypatch.setattr(steer, "check", check_while_the_first_is_done)
    again = steer_to(client, "/campaign/pause", **word)
    assert (again.status_code, again.json()["event"]["seq"]) == (200, firsts[1].event.seq)
    assert [event.type for event in Campaign.read(folder).events].count("paused") == 1


def test_a_decision_waits_for_the_process_that_writes(folder, monkeypatch):
    monkeypatch.setattr(steer, "WAIT_S", 0.2)
    file = folder.parent / "lab.yaml"
    with client_of(folder) as client:
        with Campaign.start_or_resume(file) as campaign:
            left = steer_to(client, "/campaign/stop", reason="enough", request_id="c" * 32)
            assert (left.status_code, left.json()["state"]) == (202, "waiting")
            assert steer_to(client, "/campaign/stop", reason="enough", request_id="c" * 32).status_code == 202
            assert len(waiting_requests(folder)) == 1
            Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()
        assert client.get(f"/v1/requests/{'c' * 32}").json()["event"]["actor"] == "ana"


# Events and pages


def test_events_page_by_page(client, folder):
    page = client.get("/v1/events", params={"limit": 2}).json()
    assert [one["seq"] for one in page["items"]] == [0, 1]
    rest = client.get("/v1/events", params={"after": 1, "full": True}).json()["items"]
    assert rest[0]["seq"] == 2
    assert len(rest[0]["data"]["candidates"]) == 2
    assert page["total"] == Campaign.read(folder).record.n_events


def test_the_campaigns_state(client):
    found = client.get("/v1/campaign").json()
    assert found["status"]["name"] == "lab"
    assert (found["writer"], found["waiting"]["results"]) == (None, 0)


def test_the_view_follows_the_record(client, folder):
    before = client.get("/v1/view").json()
    assert client.get("/v1/view").json() == before
    client.post("/v1/results", json=told("x"))
    take_waiting(folder)
    after = client.get("/v1/view").json()
    assert (len(before["results"]), len(after["results"])) == (0, 1)


def test_a_damaged_record_is_said_and_nothing_is_made_up(client, folder):
    (folder / "state.jsonl").write_text("rubbish\n" * 3)
    answer = client.get("/v1/campaign")
    assert answer.status_code == 503
    assert "is damaged" in answer.json()["detail"]
