"""Routes on results: taken from robots, told, and decided on by people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from saltloop.chemistry.result_files import read_rows
from saltloop.chemistry.results_csv import inert
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.verdict import Verdict
from saltloop.loop.server.answers import Problem, Received, RequestOut, ResultOut, ResultPage, ResultState, VerdictOut
from saltloop.loop.server.inputs import Id, Limit, Offset, Robot, Vouching, WordWithReason
from saltloop.loop.server.result_states import ResultStates
from saltloop.loop.server.site import COMMON, CONFLICT, NOT_FOUND, NotFoundError, Site, TheSite
from saltloop.loop.server.steering import ANSWERS, answer
from saltloop.loop.steering.request import Request as Asked
from saltloop.loop.steering.results import RejectResult, Release, Retract

#: Of one call; more are sent in several.
MAX_RESULTS = 1000
ENDINGS = {"application/json": "json", "text/csv": "csv", "application/x-ndjson": "jsonl"}
CSV_COLUMNS = tuple(ResultOut.model_fields)

router = APIRouter(prefix="/v1", tags=["results"], responses=COMMON)

_ONE = {"$ref": "#/components/schemas/LabResult"}
_SENT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        _ONE,
                        {"type": "array", "items": _ONE, "minItems": 1, "maxItems": MAX_RESULTS},
                        {
                            "type": "object",
                            "properties": {
                                "results": {"type": "array", "items": _ONE, "minItems": 1, "maxItems": MAX_RESULTS}
                            },
                            "required": ["results"],
                            "additionalProperties": False,
                        },
                    ]
                }
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}
_RECEIVED: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of them were known already; nothing was written."},
    202: {"model": Received, "description": "All of them are on disk, and are taken in once."},
    409: {"model": Problem, "description": "A name has another content already, or the campaign is closed."},
    415: {"model": Problem, "description": "Neither JSON nor CSV."},
}


class Sent(NamedTuple):
    """A body and its media type."""

    kind: str
    content: bytes


async def _sent(request: Request) -> Sent:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return Sent(kind, await request.body())


@router.post("/results", responses=_RECEIVED, openapi_extra=_SENT, response_model=Received)
def send_results(site: TheSite, sent: Annotated[Sent, Depends(_sent)], robot: Robot = "robot") -> Response:
    """Results, one or many: all of them are on disk before the answer, or none is.

    Each needs an ``external_id``, the lab's own name for it: sent again, it changes nothing. After no answer, or 429
    or 503, send the same again. The comparison with the model, which may put a result into quarantine, comes when it
    is taken in; ``/v1/results/{measurement_id}`` tells.
    """
    ending = ENDINGS.get(sent.kind)
    if ending is None:
        detail = f"Results are JSON or CSV (Content-Type application/json, text/csv), not {sent.kind[:80]!r}."
        return JSONResponse({"detail": detail}, status_code=415)
    rows = read_rows(f"results.{ending}", sent.content)
    if len(rows) > MAX_RESULTS:
        detail = f"{len(rows)} results in one call; send at most {MAX_RESULTS} at a time."
        return JSONResponse({"detail": detail}, status_code=413)
    verdicts, is_new = site.incoming.receive(rows, actor=robot)
    told = [_verdict(one) for one in verdicts]
    bad = [one for one in verdicts if not one.is_good]
    if bad:
        detail = "Nothing was taken. " + "; ".join(f"{one.where}: {one.reason}" for one in bad[:20]) + "."
        status = 409 if all(one.kind == "conflict" for one in bad) else 422
        return JSONResponse({"detail": detail, "verdicts": told}, status_code=status)
    if not is_new:
        return JSONResponse({"detail": "Known already; nothing was written.", "verdicts": told})
    site.say(f"{robot}: {len(rows)} result(s) on disk")
    return JSONResponse({"detail": f"On disk; {site.who_takes_in()}.", "verdicts": told}, status_code=202)


@router.get(
    "/results",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_model=ResultPage,
)
def list_results(
    site: TheSite,
    state: Annotated[list[ResultState] | None, Query(description="Only these.")] = None,
    candidate_id: Annotated[str | None, Query(max_length=200)] = None,
    format: Literal["json", "csv"] = "json",
    offset: Offset = 0,
    limit: Limit = 100,
) -> ResultPage | Response:
    """Every result that was reported, and what became of it. In CSV no cell is taken for a formula."""
    with site.reading.now() as campaign:
        states = ResultStates(campaign, site.incoming.waiting())
        ids = states.ids()
        if state or candidate_id is not None:
            ids = [key for key in ids if _fits(states.of(key), state, candidate_id)]
        items = [one for key in ids[offset : offset + limit] if (one := states.of(key)) is not None]
    if format == "csv":
        return Response(_csv(items), media_type="text/csv", headers={"x-total": str(len(ids))})
    return ResultPage(total=len(ids), offset=offset, items=items)


@router.get("/results/{measurement_id}", responses=NOT_FOUND)
def show_result(site: TheSite, measurement_id: Id) -> ResultOut:
    """What became of one result."""
    with site.reading.now() as campaign:
        found = ResultStates(campaign, site.incoming.waiting()).of(measurement_id)
    if found is None:
        raise NotFoundError(f"There is no result {measurement_id[:80]!r}.")
    return found


@router.post("/results/{measurement_id}/release", responses=NOT_FOUND | CONFLICT | ANSWERS)
def release_result(site: TheSite, measurement_id: Id, word: Vouching) -> RequestOut:
    """A person vouches for a quarantined result: it counts from now on."""
    return _decide(site, Release, measurement_id, word)


@router.post("/results/{measurement_id}/reject", responses=NOT_FOUND | CONFLICT | ANSWERS)
def reject_result(site: TheSite, measurement_id: Id, word: WordWithReason) -> RequestOut:
    """A person rules a quarantined result out: it stays on record and never counts."""
    return _decide(site, RejectResult, measurement_id, word)


@router.post("/results/{measurement_id}/retract", responses=NOT_FOUND | CONFLICT | ANSWERS)
def retract_result(site: TheSite, measurement_id: Id, word: WordWithReason) -> RequestOut:
    """A result that turned out to be wrong: it stays on record and no longer counts."""
    return _decide(site, Retract, measurement_id, word)


def _decide(site: Site, kind: type[Asked], measurement_id: str, word: Vouching | WordWithReason) -> RequestOut:
    with site.reading.now() as campaign:
        record = campaign.record
        if measurement_id not in record.results and measurement_id not in record.quarantined:
            if measurement_id in site.incoming.waiting():
                raise CampaignError(f"{measurement_id} is not taken in yet; {site.who_takes_in()}.")
            raise NotFoundError(f"There is no result {measurement_id[:80]!r}.")
    return answer(site, kind, word, measurement_ids=(measurement_id,), reason=word.reason)


def _fits(one: ResultOut | None, states: Sequence[str] | None, candidate_id: str | None) -> bool:
    return one is not None and (not states or one.state in states) and candidate_id in (None, one.candidate_id)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return VerdictOut(**{key: value for key, value in verdict.to_dict().items() if key != "expected"}).model_dump()


def _csv(items: Sequence[ResultOut]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for one in items:
        writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in one.model_dump().values()])
    return stream.getvalue()
