"""The application: a campaign's folder over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.telemetry import TelemetryConfig
from saltloop.chemistry.errors import DataError, SaltloopError
from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.errors import StateError, StateWriteError
from saltloop.loop.lab.settings import LabSettings
from saltloop.loop.lab.spool import SpoolError
from saltloop.loop.reports.dashboard import live_page
from saltloop.loop.server import campaign, candidates, events, results, steering
from saltloop.loop.server.answers import Health
from saltloop.loop.server.drain import Drainer
from saltloop.loop.server.guard import OPEN, Guard, Limits
from saltloop.loop.server.incoming import Incoming
from saltloop.loop.server.reading import Reading
from saltloop.loop.server.site import COMMON, NotFoundError, Site
from starlette.exceptions import HTTPException

TITLE = "saltloop"
#: Nothing of what is asked leaves the server, whatever the environment says.
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
ABOUT = """
A campaign over HTTP: candidates out to robots, results back in, and people's decisions.
Every call but /health and / needs `Authorization: Bearer TOKEN`. Conductivities are in mS/cm, times in UTC.
"""


def create_app(
    folder: Path,
    *,
    token: str,
    limits: Limits | None = None,
    lab: LabSettings | None = None,
    drains: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> FastAPI:
    """The server of one campaign's folder.

    Args:
        token: what every call but /health and / must bring.
        lab: how worklists are made, in place of what the campaign was started with.
        drains: have what was received taken in while no run works on the campaign.
        say: told what happens, in words without the token.

    Raises:
        CampaignError, StateError: there is no campaign that can be read.
    """
    reading = Reading(folder)
    drainer = Drainer(folder, say) if drains else None
    site = Site(reading, Reading(folder), Incoming(reading), drainer, say, lab)

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        if drainer is not None:
            drainer.start()
        yield
        if drainer is not None:
            drainer.stop()
        site.incoming.close()

    app = FastAPI(
        telemetry=SILENT,
        title=TITLE,
        description=ABOUT,
        version=metadata.version("saltloop"),
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = site
    app.add_middleware(Guard, token=token, limits=limits or Limits())
    for router in (campaign.router, candidates.router, results.router, events.router, steering.router):
        app.include_router(router)

    @app.get("/health", responses={429: COMMON[429]}, tags=["health"])
    async def health() -> Health:
        """The server answers. Needs no token."""
        return Health()

    @app.get("/", include_in_schema=False)
    async def dashboard() -> HTMLResponse:
        page = live_page()
        return HTMLResponse(page.html, headers={"content-security-policy": page.csp})

    for kind in (RequestValidationError, HTTPException, SaltloopError):
        app.add_exception_handler(kind, _explain)
    describe: Callable[[], dict[str, Any]] = app.openapi
    app.openapi = lambda: _with_results(app, describe)  # type: ignore[method-assign]
    return app


async def _explain(_: Request, error: Exception) -> JSONResponse:
    """An error as a Problem, with the status that fits."""
    if isinstance(error, HTTPException):
        return JSONResponse({"detail": str(error.detail)}, status_code=error.status_code, headers=error.headers)
    if isinstance(error, RequestValidationError):
        said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:10]]
        return JSONResponse({"detail": "; ".join(said)}, status_code=422)
    if isinstance(error, SpoolError | StateError | StateWriteError):
        return JSONResponse({"detail": str(error)}, status_code=503, headers={"retry-after": "5"})
    status = 404 if isinstance(error, NotFoundError) else 422 if isinstance(error, DataError) else 409
    return JSONResponse({"detail": str(error)}, status_code=status)


def _with_results(app: FastAPI, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The OpenAPI document with the schema of results and the token."""
    if app.openapi_schema is None:
        document = describe()
        parts = document["components"]
        schema = LabResult.model_json_schema(ref_template="#/components/schemas/{model}")
        parts["schemas"] |= schema.pop("$defs", {}) | {"LabResult": schema}
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        for path in OPEN & document["paths"].keys():
            for operation in document["paths"][path].values():
                operation["security"] = []
        app.openapi_schema = document
    return app.openapi_schema
