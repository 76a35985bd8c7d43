"""A served campaign for tests: the application in this process, with a client that has the token."""

from __future__ import annotations

from saltloop.loop.server.app import create_app
from starlette.testclient import TestClient

TOKEN = "a-token-for-tests-0123456789"


def client_of(folder, *, token=TOKEN, drains=False, **how):
    """A client whose calls bring the token; use it in a ``with`` block."""
    app = create_app(folder, token=TOKEN, drains=drains, **how)
    client = TestClient(app, raise_server_exceptions=False)
    if token:
        client.headers["Authorization"] = f"Bearer {token}"
    return client


def told(external_id="r1", value=9.1, **more):
    """A result as a robot sends it; of a liquid that nobody asked for unless ``more`` names a candidate."""
    sent = {"external_id": external_id, "value": value, "unit": "mS/cm", "standard_uncertainty": 0.2, **more}
    if not sent.keys() & {"candidate_id", "formulation", "components"}:
        sent["formulation"] = "1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K"
    return {key: value for key, value in sent.items() if value is not None}
