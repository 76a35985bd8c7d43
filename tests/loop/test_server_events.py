"""The stream of events: nothing twice, nothing left out, taken up where it broke off; and real sockets."""

import http.client
import time

from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.spool_drain import is_drained
from saltloop.loop.server import events, guard
from saltloop.loop.server.drain import take_waiting
from saltloop.loop.server.guard import Limits
from server_client import TOKEN, Stream, client_of, served, told


def test_a_stream_tells_what_is_recorded_while_it_is_open(folder):
    with served(folder) as port, client_of(folder) as client:
        stream = Stream(port)
        assert stream.answer.getheader("content-type").startswith("text/event-stream")
        assert stream.next()[1] == "waiting"
        client.post("/v1/results", params={"robot": "r1"}, json=told("x"))
        take_waiting(folder)
        seq, kind, data = stream.next_event()
        assert (seq, kind, data["actor"]) == (3, "result_ingested", "r1")
        assert "conductivity 9.1 ± 0.2 mS/cm" in data["words"]
        stream.close()


def test_a_stream_is_taken_up_after_the_last_event_that_was_seen(folder):
    with Campaign.open(folder) as campaign:
        for number in range(450):
            campaign.append("request_refused", {"request_id": f"{number}", "request": {}, "reason": str(number)})
        n_events = campaign.record.n_events
    with served(folder) as port:
        first = Stream(port, "/v1/events/stream?after=-1")
        seen = [first.next_event()[0] for _ in range(5)]
        first.close()
        again = Stream(port, "/v1/events/stream?after=-1", **{"Last-Event-ID": str(seen[-1])})
        rest = [again.next_event()[0] for _ in range(n_events - 5)]
        again.close()
    assert seen + rest == list(range(n_events))


def test_claims_and_what_waits_are_told_as_well(folder):
    with served(folder) as port, client_of(folder) as client:
        one = client.get("/v1/candidates").json()["items"][0]["candidate_id"]
        stream = Stream(port)
        assert stream.next()[2]["claims"] == {}
        client.post(f"/v1/candidates/{one}/claim?robot=r1")
        assert stream.next()[2]["claims"] == {one: "r1"}
        stream.close()


def test_streams_are_limited_in_number_and_give_their_place_back(folder, monkeypatch):
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    with served(folder) as port:
        first = Stream(port)
        first.next()
        second = Stream(port)
        assert (second.answer.status, second.answer.getheader("retry-after")) == (429, "30")
        first.close()
        for _ in range(1000):
            third = Stream(port)
            if third.answer.status == 200:
                break
            third.close()
            time.sleep(0.05)
        assert third.answer.status == 200
        third.close()


def test_a_wrong_last_event_id_is_refused(folder):
    with served(folder) as port:
        assert Stream(port, **{"Last-Event-ID": "x"}).answer.status == 422


def test_a_body_that_does_not_arrive_is_given_up(folder, monkeypatch):
    monkeypatch.setattr(guard, "BODY_S", 0.2)
    with served(folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.putrequest("POST", "/v1/results")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"only this")
        assert connection.getresponse().status == 408


def test_half_a_body_is_nothing(folder):
    """A robot dies while it sends: '9.41' that was cut to '9' is a value, too."""
    text = (
        "formulation,external_id,unit,standard_uncertainty,value\n1 mol/kg LiPF6 in EC at 298.15 K,z,mS/cm,0.1,9.41\n"
    )
    with served(folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.putrequest("POST", "/v1/results")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Content-Type", "text/csv")
        connection.putheader("Content-Length", str(len(text)))
        connection.endheaders(text[:-4].encode())
        connection.close()
    assert is_drained(folder), "the server has ended, and nothing was written"


def test_a_chunked_body_that_never_ends_is_cut_off(folder):
    """Over a real socket, where nothing says how long it will be."""
    with served(folder, limits=Limits(max_bytes=100_000)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.putrequest("POST", "/v1/results")
        connection.putheader("Authorization", f"Bearer {TOKEN}")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        sent = 0
        try:
            for _ in range(10_000):
                connection.send(b"2710\r\n" + b" " * 10_000 + b"\r\n")
                sent += 10_000
        except OSError:
            pass
        assert sent < 50_000_000, "the server has hung up"
        assert connection.getresponse().status == 413
