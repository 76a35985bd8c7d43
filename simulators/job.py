"""Placeholder of the lead until the owner's file arrives."""
from __future__ import annotations

import json
import os
from pathlib import Path

from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.oracle import OracleOutcome, build_oracle


def _put(path, value):
    tmp = path.with_suffix(f".tmp{os.getpid()}")
    tmp.write_text(json.dumps(value))
    os.replace(tmp, path)


def write_job(job_dir, *, job_key, oracle_spec, formulation, seed, user_species):
    job_dir.mkdir(parents=True, exist_ok=True)
    _put(job_dir / "input.json", {"job_key": job_key, "oracle": oracle_spec, "formulation": formulation.to_dict(), "seed": seed})


def run_job(job_dir):
    job_dir = Path(job_dir)
    if (o := read_outcome(job_dir)) is not None:
        return o
    i = json.loads((job_dir / "input.json").read_text())
    out = build_oracle(i["oracle"], None).run(Formulation.from_dict(i["formulation"]), job_dir, seed=i["seed"])
    _put(job_dir / "result.json", out.to_dict())
    return out


def read_outcome(job_dir):
    p = job_dir / "result.json"
    return OracleOutcome.from_dict(json.loads(p.read_text())) if p.exists() else None
