"""Jobs: one oracle call in one folder, and the folder is the truth about it.

``input.json`` says what to do, ``progress.json`` how far it is, ``log.txt`` what happened, ``result.json`` how it
ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition

from .checkpoints import write_durably, write_json_durably
from .oracle import Failure, OracleOutcome, build_oracle

INPUT, RESULT, PROGRESS, LOG = "input.json", "result.json", "progress.json", "log.txt"
INPUT_VERSION = 1
PROGRESS_EVERY_S = 0.5


class JobError(SaltloopError, ValueError):
    """A job folder that is not what it should be."""


def write_job(
    job_dir: Path,
    *,
    job_key: str,
    oracle_spec: Mapping[str, Any],
    formulation: Formulation,
    seed: int,
    user_species: Iterable[SpeciesDefinition | Mapping[str, Any]] = (),
) -> None:
    """Write a job's ``input.json``. Writing the same again changes nothing.

    Raises:
        JobError: the folder holds another job.
    """
    definitions = [SpeciesDefinition.model_validate(one) for one in user_species]
    content = {
        "version": INPUT_VERSION,
        "job_key": job_key,
        "oracle": dict(oracle_spec),
        "formulation": formulation.to_dict(),
        "formulation_id": formulation.formulation_id,
        "formulation_text": str(formulation),
        "seed": int(seed),
        "species": [one.model_dump(mode="json", exclude_defaults=True) for one in definitions],
    }
    content = json.loads(json.dumps(content))
    job_dir.mkdir(parents=True, exist_ok=True)
    path = job_dir / INPUT
    if path.exists():
        there = _read_input(job_dir)
        if there != content:
            differing = sorted(key for key in content if there.get(key) != content[key])
            raise JobError(f"{path} holds another job (it differs in {', '.join(differing)}); use another folder.")
        return
    write_json_durably(path, content)


def run_job(job_dir: Path) -> OracleOutcome:
    """Do what ``input.json`` says and write ``result.json``; where that is there already, return it.

    Whatever the oracle raises becomes a ``Failure`` with its traceback in ``log.txt``.

    Raises:
        JobError: there is no readable ``input.json``.
    """
    finished = read_outcome(job_dir)
    if finished is not None:
        return finished
    content = _read_input(job_dir)
    started = time.monotonic()
    _log(job_dir, f"start: {content['formulation_text']}, oracle {content['oracle']}, seed {content['seed']}")
    try:
        species = _species(content)
        formulation = Formulation.from_dict(content["formulation"], species)
        oracle = build_oracle(content["oracle"], species)
        oracle.check(formulation)
        outcome = oracle.run(formulation, job_dir, seed=content["seed"], progress=_Reporter(job_dir))
    except Exception as error:
        _log(job_dir, traceback.format_exc())
        outcome = _as_failure(error)
    if "wall_s" not in outcome.provenance:
        outcome = outcome.model_copy(
            update={"provenance": {**outcome.provenance, "wall_s": time.monotonic() - started}}
        )
    ended = (
        "failed: " + outcome.failure.reason
        if outcome.failure
        else ", ".join(_brief(one) for one in outcome.measurements)
    )
    _log(job_dir, f"end: {ended}")
    result = json.dumps(outcome.model_dump(mode="json"), indent=1, allow_nan=False)
    write_durably(job_dir / RESULT, (result + "\n").encode())
    return outcome


def read_outcome(job_dir: Path) -> OracleOutcome | None:
    """The outcome in a job's folder, or None if it has not ended.

    Raises:
        JobError: ``result.json`` is damaged.
    """
    path = job_dir / RESULT
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return OracleOutcome.from_dict(json.loads(content), _species(_read_input(job_dir)))
    except ValueError as error:
        raise JobError(f"{path} cannot be read: {error}. Delete it to run the job again.") from None


def _as_failure(error: Exception) -> OracleOutcome:
    kind = "unsupported" if isinstance(error, SaltloopError) else "exception"
    reason = str(error) if kind == "unsupported" else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError):
        kind = "io_error"
    return OracleOutcome(failure=Failure(reason=reason, kind=kind, is_retryable=isinstance(error, OSError)))


def _species(content: Mapping[str, Any]) -> SpeciesBook:
    book = SpeciesBook.builtin()
    definitions = [SpeciesDefinition.model_validate(one) for one in content.get("species", ())]
    return book.with_species(definitions) if definitions else book


def _read_input(job_dir: Path) -> dict[str, Any]:
    path = job_dir / INPUT
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise JobError(f"{job_dir} is no job folder: {INPUT} is missing.") from None
    except ValueError as error:
        raise JobError(f"{path} is damaged: {error}.") from None
    if content.get("version") != INPUT_VERSION:
        raise JobError(
            f"{path} has version {content.get('version')!r}, this saltloop reads {INPUT_VERSION}; "
            "use the saltloop that wrote it."
        )
    return content


def _brief(one: Measurement) -> str:
    return f"{one.quantity} {one.value:.4g} ± {one.standard_uncertainty:.2g} {one.unit}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _log(job_dir: Path, message: str) -> None:
    # A log that cannot be written must not take the result with it.
    with contextlib.suppress(OSError), (job_dir / LOG).open("a", encoding="utf-8") as file:
        file.write(f"{_now()} pid {os.getpid()} {message}\n")


class _Reporter:
    """Keeps ``progress.json`` up to date, at most twice a second, and logs each new kind of message."""

    def __init__(self, job_dir: Path) -> None:
        self._job_dir = job_dir
        self._last = 0.0
        self._last_words = ""

    def __call__(self, fraction: float, message: str) -> None:
        words = message.split(" ")[0]
        if words != self._last_words:
            _log(self._job_dir, message)
            self._last_words = words
        elif time.monotonic() - self._last < PROGRESS_EVERY_S:
            return
        self._last = time.monotonic()
        content = json.dumps({"fraction": min(1.0, max(0.0, fraction)), "message": message, "ts": _now()})
        # Renamed into place so that readers never see half of it; not synced, because it may be lost.
        path = self._job_dir / PROGRESS
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            temporary.write_text(content)
            os.replace(temporary, path)
