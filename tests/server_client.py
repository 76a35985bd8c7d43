"""A served campaign for tests: the application in this process, with a client that has the token."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time

import uvicorn
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


def ids(client, **how):
    """Ids of the candidates that a call lists."""
    return [one["candidate_id"] for one in client.get("/v1/candidates", params=how).json()["items"]]


@contextlib.contextmanager
def served(folder, **how):
    """A server with sockets in a thread of this process; gives its port."""
    app = create_app(folder, token=TOKEN, **{"drains": False, **how})
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class Stream:
    """Server-Sent Events as they come: ``next`` gives id, event and data."""

    def __init__(self, port, path="/v1/events/stream", **headers):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", **headers})
        self.answer = self._connection.getresponse()

    def next(self):
        found = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line and "data" in found:
                return found.get("id"), found.get("event"), json.loads(found["data"])
            name, _, value = line.partition(": ")
            found[name] = value

    def next_event(self):
        """The next one that is in the record."""
        while True:
            seq, kind, data = self.next()
            if seq is not None:
                return int(seq), kind, data

    def close(self):
        self._connection.close()
