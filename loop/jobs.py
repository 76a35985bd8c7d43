"""The life of oracle calls: intended, submitted, looked up after a crash, collected. Unknown is not failed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import Any

from saltloop.chemistry.measurement import Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.events import compact_json, content_hash
from saltloop.loop.lab.result_entries import result_entry, why_unphysical
from saltloop.loop.processes import identity, is_running
from saltloop.loop.record_items import Candidate, Job
from saltloop.simulators.checkpoints import write_json_durably
from saltloop.simulators.job import read_outcome, run_job, write_job

POLL_S = 0.5

#: Called with ``{candidate_id: (fraction done, message)}`` while jobs run.
JobProgress = Callable[[dict[str, tuple[float, str]]], None]


class JobRunner:
    """Brings every approved candidate of a batch to a result or a failure, through any ``Executor``."""

    def __init__(self, campaign: Campaign, executor: Executor, say: Callable[[str], None]) -> None:
        self._campaign = campaign
        self._executor = executor
        self._say = say

    def run(self, candidates: Sequence[Candidate], progress: JobProgress | None = None) -> None:
        """Run the candidates' jobs and ingest what comes back; returns when each is settled."""
        running: dict[Future[Any], str] = {}
        for candidate in candidates:
            if future := self._advance(candidate):
                running[future] = candidate.candidate_id
        while running:
            done, _ = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
            if progress:
                progress({candidate_id: self._progress_of(candidate_id) for candidate_id in running.values()})
            for future in done:
                candidate = self._campaign.record.candidates[running.pop(future)]
                self._collect(candidate, future)
                if again := self._advance(candidate):
                    running[again] = candidate.candidate_id

    def folder(self, job_key: str) -> Path:
        return self._campaign.folder / "jobs" / job_key

    def _advance(self, candidate: Candidate) -> Future[Any] | None:
        """Do what the candidate needs next; a future if a job was submitted, None once the candidate is settled."""
        job_key = self._job_key(candidate)
        folder = self.folder(job_key)
        job = self._campaign.record.jobs.get(job_key)
        if job is not None and job.status == "finished":
            self._ingest(candidate, job)
            return None
        if job is not None and job.status == "failed" and candidate.status in {"failed", "abandoned"}:
            return None
        if job is None or job.status == "failed":
            job = self._intend(candidate, job_key, attempt=1 if job is None else job.attempt + 1)
        if job.status == "intended":
            self._prepare_folder(candidate, job)
        outcome = read_outcome(folder)
        if outcome is not None:
            self._collect(candidate, None)
            return self._advance(candidate)
        _end_orphan(folder)
        if job.status == "submitted":
            self._note_lost(job)
        future = self._executor.submit(_run, str(folder))
        self._campaign.append(
            "job_submitted", {"job_key": job_key, "attempt": job.attempt, "host": socket.gethostname()}
        )
        return future

    def _intend(self, candidate: Candidate, job_key: str, *, attempt: int) -> Job:
        campaign = self._campaign
        campaign.append(
            "job_intended",
            {
                "job_key": job_key,
                "candidate_id": candidate.candidate_id,
                "attempt": attempt,
                "oracle": self._oracle_spec(candidate),
                "oracle_name": candidate.oracle,
                "seed": self._seed(candidate),
                "folder": f"jobs/{job_key}",
            },
        )
        return campaign.record.jobs[job_key]

    def _prepare_folder(self, candidate: Candidate, job: Job) -> None:
        """Write the job's input, and move the result of a failed attempt aside. Doing it twice changes nothing."""
        folder = self.folder(job.job_key)
        result, kept = folder / "result.json", folder / f"result.attempt-{job.attempt - 1}.json"
        if job.attempt > 1 and result.exists() and not kept.exists():
            os.replace(result, kept)
        write_job(
            folder,
            job_key=job.job_key,
            oracle_spec=self._oracle_spec(candidate),
            formulation=self._campaign.formulation(candidate.candidate_id),
            seed=self._seed(candidate),
            user_species=self._campaign.settings.species,
        )

    def _seed(self, candidate: Candidate) -> int:
        record = self._campaign.record
        batch = [c.candidate_id for c in record.candidates.values() if c.iteration == candidate.iteration]
        return self._campaign.seed(candidate.iteration, "oracle", batch.index(candidate.candidate_id))

    def _note_lost(self, job: Job) -> None:
        """A job that an earlier controller submitted, with neither a result nor a worker."""
        reason = "its worker ended with an earlier controller; the job goes on from its last checkpoint"
        self._campaign.append("job_lost", {"job_key": job.job_key, "reason": reason})
        self._say(f"Job {job.job_key} of {job.candidate_id}: {reason}.")

    def _collect(self, candidate: Candidate, future: Future[Any] | None) -> None:
        """Record how a job ended. Its folder is the truth; the future only says that there is something to read."""
        job_key = self._job_key(candidate)
        outcome = read_outcome(self.folder(job_key))
        if outcome is None:
            error = future.exception() if future is not None else None
            is_timeout = isinstance(error, TimeoutError)
            kind, reason = "timeout" if is_timeout else "worker_died", str(error or "the worker left no result")
            wall_s = self._campaign.settings.execution.timeout_minutes * 60 if is_timeout else 0.0
            self._fail(candidate, job_key, kind, reason, is_retryable=True, wall_s=wall_s)
        elif outcome.failure is not None:
            failure = outcome.failure
            wall_s = float(outcome.provenance.get("wall_s", 0.0))
            self._fail(candidate, job_key, failure.kind, failure.reason, failure.is_retryable, wall_s)
        else:
            self._campaign.append(
                "job_finished",
                {
                    "job_key": job_key,
                    "candidate_id": candidate.candidate_id,
                    "outcome_sha256": result_sha256(self.folder(job_key)),
                    "wall_s": float(outcome.provenance.get("wall_s", 0.0)),
                    "provenance": json.loads(compact_json(outcome.provenance)),
                },
            )

    def _fail(
        self, candidate: Candidate, job_key: str, kind: str, reason: str, is_retryable: bool, wall_s: float
    ) -> None:
        attempt = self._campaign.record.jobs[job_key].attempt
        will_retry = is_retryable and attempt <= self._campaign.settings.execution.retries
        self._campaign.append(
            "job_failed",
            {
                "job_key": job_key,
                "candidate_id": candidate.candidate_id,
                "attempt": attempt,
                "kind": kind,
                "reason": reason,
                "is_retryable": is_retryable,
                "will_retry": will_retry,
                "wall_s": wall_s,
            },
        )
        self._say(f"{candidate.candidate_id} failed ({kind}): {reason}{' Trying again.' if will_retry else ''}")

    def _ingest(self, candidate: Candidate, job: Job) -> None:
        """Record the results of a finished job, in one event; what is unphysical goes to quarantine instead."""
        if candidate.status == "completed":
            return
        outcome = read_outcome(self.folder(job.job_key))
        if outcome is None or result_sha256(self.folder(job.job_key)) != job.outcome_sha256:
            reason = f"jobs/{job.job_key}/result.json is gone or was changed after the job had finished"
            self._fail(candidate, job.job_key, "result_changed", reason, is_retryable=False, wall_s=0.0)
            return
        measurements: tuple[Measurement, ...] = outcome.measurements
        if reason := next(filter(None, map(why_unphysical, measurements)), ""):
            held = [
                result_entry(m, candidate.candidate_id, job.job_key, stage="physical", reason=reason)
                for m in measurements
            ]
            self._campaign.append("result_quarantined", {"results": held, "reason": reason})
            self._say(f"{candidate.candidate_id} is quarantined: {reason}")
            return
        entries = [result_entry(m, candidate.candidate_id, job.job_key) for m in measurements]
        self._campaign.append("result_ingested", {"results": entries})

    def _job_key(self, candidate: Candidate) -> str:
        content = [self._campaign.settings.name, candidate.candidate_id, self._oracle_spec(candidate)]
        return "j" + content_hash(content)[:15]

    def _oracle_spec(self, candidate: Candidate) -> dict[str, Any]:
        """Settings of the oracle that answers for a candidate."""
        return self._campaign.settings.named_oracles()[candidate.oracle].spec()

    def _progress_of(self, candidate_id: str) -> tuple[float, str]:
        candidate = self._campaign.record.candidates[candidate_id]
        with contextlib.suppress(OSError, ValueError, KeyError):
            progress = json.loads((self.folder(self._job_key(candidate)) / "progress.json").read_text())
            return float(progress["fraction"]), str(progress["message"])
        return 0.0, "waiting for a worker"


def result_sha256(folder: Path) -> str:
    """SHA-256 of a job's ``result.json``, an empty string when there is none."""
    path = folder / "result.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _run(folder: str) -> None:
    """What a worker does: note who it is, then run the job of a folder."""
    path = Path(folder)
    write_json_durably(path / "worker.json", {"host": socket.gethostname(), **identity()})
    run_job(path)


def _end_orphan(folder: Path) -> None:
    """Kill a worker that outlived its controller on this host, so that no two work in one folder."""
    import psutil

    with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
        worker = json.loads((folder / "worker.json").read_text())
        if worker["host"] != socket.gethostname() or worker["pid"] == os.getpid():
            return
        process = psutil.Process(worker["pid"])
        if is_running(worker):
            for child in process.children(recursive=True):
                child.kill()
            process.kill()
            process.wait(5)
            time.sleep(0.1)
