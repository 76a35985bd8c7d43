"""The server keeps out who has no token, and nothing that is sent to it is ever run, opened or kept in mass."""

import csv
import io
import json
import re
import stat
from urllib.parse import quote

import pytest
from fastapi.routing import iter_route_contexts
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.server import guard
from saltloop.loop.server.drain import take_waiting
from saltloop.loop.server.guard import OPEN, Limits
from saltloop.loop.server.token import is_right, token_of
from server_client import TOKEN, client_of, told

NASTY = "<script>alert(1)</script>"


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# Token


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer " + TOKEN[:-1]]
)
def test_without_the_token_no_route_reads_or_changes_anything(folder, authorization):
    with client_of(folder, token="") as client:
        if authorization is not None:
            client.headers["Authorization"] = authorization
        before, n_routes = contents(folder), 0
        for route in iter_route_contexts(client.app.routes):
            path = re.sub(r"\{[^}]*\}", "x", route.path)
            for method in route.methods:
                n_routes += 1
                answer = client.request(method, path, params={"token": TOKEN, "robot": "r"}, json=told())
                if route.path in OPEN:
                    assert answer.status_code == 200
                    continue
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), route.path
                assert method == "HEAD" or list(answer.json()) == ["detail"]
        assert n_routes > 25
        assert contents(folder) == before


def test_paths_that_do_not_exist_and_other_spellings_need_the_token_too(folder):
    with client_of(folder, token="") as client:
        for path in (
            "/nothing",
            "//v1/campaign",
            "/v1/../v1/campaign",
            "/health/../v1/campaign",
            "/HEALTH",
            "/openapi.json",
        ):
            assert client.get(path).status_code == 401, path
        assert client.options("/v1/campaign").status_code == 401
        assert client.request("TRACE", "/v1/campaign").status_code == 401


def test_the_token_is_made_once_and_for_its_owner_only(tmp_path, monkeypatch):
    monkeypatch.delenv("SALTLOOP_TOKEN", raising=False)
    made, where = token_of(tmp_path)
    assert where.endswith("made now")
    assert token_of(tmp_path) == (made, str(tmp_path / "server.token"))
    assert stat.S_IMODE((tmp_path / "server.token").stat().st_mode) == 0o600
    assert len(made) > 40
    (tmp_path / "server.token").chmod(0o644)
    with pytest.raises(CampaignError, match="chmod 600"):
        token_of(tmp_path)
    monkeypatch.setenv("SALTLOOP_TOKEN", "of-the-environment-1234")
    assert token_of(tmp_path)[0] == "of-the-environment-1234"
    monkeypatch.setenv("SALTLOOP_TOKEN", "short")
    with pytest.raises(CampaignError, match="20 characters"):
        token_of(tmp_path)


@pytest.mark.parametrize("header", [b"", b"Bearer", b"bearer x", "Bearer ä".encode(), b"Bearer  ", b"\xff\xfe"])
def test_strange_headers_are_no_token(header):
    assert not is_right(header, TOKEN)
    assert is_right(b"bearer " + TOKEN.encode(), TOKEN)


def test_the_token_is_in_no_answer(client):
    for path in ("/", "/v1/campaign", "/v1/view", "/openapi.json", "/v1/events?full=true"):
        assert TOKEN not in client.get(path).text


# Paths


@pytest.mark.parametrize(
    "nasty",
    ["../../etc/passwd", "..%2f..%2fserver.token", "/etc/passwd", "..\\..\\x", "%00", ".lock", "state", "a" * 5000],
)
def test_ids_reach_no_file(client, folder, nasty):
    before = contents(folder)
    for one in (nasty, quote(nasty, safe="")):
        for method, path in (
            ("GET", f"/v1/candidates/{one}"),
            ("GET", f"/v1/candidates/{one}/story"),
            ("POST", f"/v1/candidates/{one}/claim?robot=r"),
            ("DELETE", f"/v1/candidates/{one}/claim?robot=r"),
            ("GET", f"/v1/results/{one}"),
            ("GET", f"/v1/requests/{one}"),
        ):
            answer = client.request(method, path)
            assert answer.status_code in (404, 405, 422), path
            assert "root:" not in answer.text
    assert contents(folder) == before


def test_a_robot_named_like_a_path_writes_nowhere_else(client, folder):
    one = client.get("/v1/candidates").json()["items"][0]["candidate_id"]
    client.post(f"/v1/candidates/{one}/claim", params={"robot": "../../x"})
    client.post("/v1/results", params={"robot": "/tmp/../x"}, json=told("../../y", raw_file="/etc/passwd"))
    take_waiting(folder)
    (result,) = Campaign.read(folder).record.results.values()
    assert result.measurement["external_id"] == "../../y"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["lab", "lab.yaml"]


# Size and rate


def test_a_body_that_is_too_large_is_refused_whatever_it_says_of_itself(folder):
    with client_of(folder, limits=Limits(max_bytes=1000)) as client:
        taken = []

        def chunks():
            for _ in range(100):
                taken.append(1)
                yield b" " * 100

        said = client.post("/v1/results", content=b" " * 1001)
        chunked = client.post("/v1/results", content=chunks())
        assert (said.status_code, chunked.status_code) == (413, 413)
        assert "1000 bytes" in chunked.json()["detail"]
        assert client.post("/v1/results", json=told()).status_code == 202
        assert client.request("GET", "/v1/campaign", content=b" " * 2000).status_code == 413


def test_who_asks_too_often_has_to_wait(folder, monkeypatch):
    clock = [guard.time.monotonic()]
    monkeypatch.setattr(guard.time, "monotonic", lambda: clock[0])
    with client_of(folder, limits=Limits(rate=2, burst_s=2)) as client:
        codes = [client.get("/health").status_code for _ in range(6)]
        assert codes == [200] * 4 + [429] * 2
        refused = client.post("/v1/results", json=told())
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        clock[0] += 1
        assert client.post("/v1/results", json=told()).status_code == 202


def test_deep_json_is_refused(client):
    for content in ("[" * 100_000, '{"a":' * 50_000, "[" * 500 + "]" * 500):
        answer = client.post("/v1/results", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        paused = client.post("/v1/campaign/pause", content=content, headers={"content-type": "application/json"})
        assert paused.status_code in (400, 422)


# What people and robots write


def test_formulas_in_exported_cells_are_text(client, folder):
    formula = '=HYPERLINK("http://evil")'
    failure = {"external_id": "+1", "formulation": "1 mol/kg LiPF6 in EC at 298.15 K", "status": "separated"}
    client.post("/v1/results", json=[told(formula), told("@x", 500.0), told("-2+3"), {**failure, "note": "=1+1"}])
    take_waiting(folder)
    rows = list(csv.reader(io.StringIO(client.get("/v1/results?format=csv").text)))
    names = {row[rows[0].index("external_id")] for row in rows[1:]}
    assert names == {"'" + formula, "'@x", "'-2+3", "'+1"}
    text_cells = [cell for row in rows for cell in row if not re.fullmatch(r"-?[\d.e-]+", cell)]
    assert not [cell for cell in text_cells if cell.startswith(("=", "+", "-", "@"))]


def test_html_in_names_and_notes_is_inert(client, folder):
    one, other = [c["candidate_id"] for c in client.get("/v1/candidates").json()["items"]]
    client.post(f"/v1/candidates/{other}/claim", params={"robot": NASTY})
    client.post("/v1/results", params={"robot": NASTY}, json=told(NASTY, candidate_id=one, note=NASTY, method=NASTY))
    client.post("/v1/results", json=told("held", status="suspect", note=NASTY))
    client.post("/v1/campaign/pause", json={"person": NASTY, "reason": NASTY})
    take_waiting(folder)
    for path in ("/v1/campaign", "/v1/view", "/v1/events", f"/v1/candidates/{one}/story", f"/v1/candidates/{NASTY}"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json", path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert NASTY in json.dumps(client.get("/v1/claims").json()), "it is kept as it was written"


def test_the_dashboard_may_run_its_own_script_only(folder):
    with client_of(folder, token="") as client:
        page = client.get("/")
        policy = page.headers["content-security-policy"]
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert re.search(r"script-src 'sha256-[^']+'", policy)
        assert page.headers["x-frame-options"] == "DENY"
        assert "c001" not in page.text, "it holds no data"


def test_control_characters_in_names_and_notes_are_refused(client):
    """A terminal obeys them when ``saltloop status`` or ``log`` prints the text."""
    for note in ("\x1b[2J", "\x9b2J", "a\x00b", "a\rb\x07"):
        assert client.post("/v1/results", json=told(note=note)).status_code == 422
        assert client.post("/v1/campaign/pause", json={"person": "ana", "reason": note}).status_code == 422
    assert client.post("/v1/results", json=told(note="two\r\nlines\tand a tab – µS")).status_code == 202
    for robot in ("a\nb", "a\x1b[31m", "\x00"):
        assert client.post("/v1/results", params={"robot": robot}, json=told()).status_code == 422
    assert client.post("/v1/campaign/pause", json={"person": "a\nb", "reason": "x"}).status_code == 422


def test_an_error_of_ours_tells_nothing_of_the_machine(client, monkeypatch):
    from saltloop.loop.server.reading import Reading

    def breaks(self):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(Reading, "now", breaks)
    answer = client.get("/v1/campaign")
    assert answer.status_code == 500
    assert "secret" not in answer.text
