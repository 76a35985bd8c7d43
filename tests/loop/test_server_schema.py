"""Whatever is sent, the server answers as its OpenAPI document says (schemathesis)."""

import shutil

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from lab_campaign import start
from saltloop.loop.server import steer
from saltloop.loop.server.app import create_app
from saltloop.loop.server.drain import take_waiting
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from server_client import TOKEN, client_of, told

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
#: The stream never ends; ``test_server_events`` reads it.
ENDLESS = "/v1/events/stream"


@pytest.fixture
def served(tmp_path):
    """A campaign with results of every kind, and ids of things that are there."""
    with start(tmp_path, n=3) as campaign:
        folder = campaign.folder
    with client_of(folder) as client:
        ids = [one["candidate_id"] for one in client.get("/v1/candidates").json()["items"]]
        client.post("/v1/results", json=[told("a", candidate_id=ids[0]), told("b", 500.0), told("c", status="suspect")])
        take_waiting(folder)
        client.post("/v1/results", json=told("d"))
        client.post(f"/v1/candidates/{ids[1]}/claim?robot=r1")
        results = [one["measurement_id"] for one in client.get("/v1/results").json()["items"]]
    return folder, {"candidate_id": ids, "measurement_id": results}


def operations(app):
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)
    return {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in schema.get_all_operations()}


@pytest.mark.slow
def test_every_answer_is_as_documented(served, tmp_path, monkeypatch):
    monkeypatch.setattr(steer, "WAIT_S", 0.1)
    folder, there = served
    names = [name for name in operations(create_app(folder, token=TOKEN, drains=False)) if ENDLESS not in name]
    assert len(names) > 20
    for number, name in enumerate(names):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        operation = operations(create_app(copy, token=TOKEN, drains=False))[name]
        for mode in GenerationMode:
            check(operation, mode, there)


def check(operation, mode, there):
    """Generated calls, valid ones and others, with ids that exist in half of them."""

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def answers(case, data):
        for name in case.path_parameters or {}:
            if name in there and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(there[name]))
        if operation.path == "/v1/results" and isinstance(case.body, dict) and data.draw(st.booleans()):
            odd = {name: case.body[name] for name in data.draw(st.sets(st.sampled_from(sorted(case.body) or ["x"])))}
            case.body = told(data.draw(st.text(min_size=1, max_size=5))) | odd
        answer = case.call(headers=HEADERS)
        case.validate_response(answer, checks=CHECKS)

    try:
        answers()
    except Unsatisfiable:  # this operation takes nothing that could be wrong
        assert mode is GenerationMode.NEGATIVE
