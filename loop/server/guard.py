"""What stands before every route: token, rate, size of the body, and headers that keep a browser from running anything.

The guard knows no routes: what is not listed as open needs the token, also a path that does not exist.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from saltloop.loop.server.token import is_right
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Paths that need no token: they hold no data.
OPEN = frozenset({"/health", "/"})
#: Clients whose rate is remembered.
MAX_CLIENTS = 10_000
#: A body that has not arrived by then is given up.
BODY_S = 30.0
HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Limits:
    """What one client may ask of the server."""

    max_bytes: int = 10_000_000
    """Of a request's body."""
    rate: float = 1000.0
    """Requests a second of one address, on average; ``burst`` seconds' worth may come at once."""
    burst_s: float = 2.0


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, token: str, limits: Limits) -> None:
        self._app, self._token, self._limits = app, token, limits
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        send = _with_headers(send)
        if wait_s := self._must_wait(scope):
            after = {"retry-after": str(math.ceil(wait_s))}
            await _refuse(send, 429, f"Too many requests; at most {self._limits.rate:g} a second.", after)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if scope["path"] not in OPEN and not is_right(headers.get(b"authorization", b""), self._token):
            await _refuse(
                send, 401, "A token is needed: 'Authorization: Bearer TOKEN'.", {"www-authenticate": "Bearer"}
            )
            return
        try:
            body = await asyncio.wait_for(self._body(headers, receive), BODY_S)
        except TimeoutError:
            await _refuse(send, 408, f"The body did not arrive within {BODY_S:g} s.", {"connection": "close"})
            return
        except ClientDisconnect:
            return  # what came is a piece: the half of a CSV text may read like a whole one
        if body is None:
            message = f"The body has more than {self._limits.max_bytes} bytes; send less at a time."
            await _refuse(send, 413, message, {"connection": "close"})
            return
        await self._app(scope, _replay(body, receive), send)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body, or None if it is too large; whatever it says of its length, no more is kept.

        Raises:
            ClientDisconnect: the client hung up before the end of it.
        """
        said = headers.get(b"content-length", b"")
        if said.isdigit() and int(said) > self._limits.max_bytes:
            return None
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > self._limits.max_bytes:
                return None
            if not message.get("more_body"):
                return b"".join(pieces)

    def _must_wait(self, scope: Scope) -> float:
        """Seconds until this client may ask again; 0 if it may now. A bucket that fills with time."""
        client = scope["client"][0] if scope.get("client") else ""
        now, full = time.monotonic(), max(1.0, self._limits.rate * self._limits.burst_s)
        left, then = self._buckets.pop(client, (full, now))
        left = min(full, left + (now - then) * self._limits.rate)
        is_free = left >= 1.0
        self._buckets[client] = (left - 1.0 if is_free else left, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if is_free else (1.0 - left) / self._limits.rate


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", ())}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in there]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending


def _replay(body: bytes, receive: Receive) -> Receive:
    is_sent = False

    async def receiving() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


async def _refuse(send: Send, status: int, detail: str, headers: Mapping[str, str]) -> None:
    body = json.dumps({"detail": detail}).encode()
    listed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    listed += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
