"""The examples of docs/lab.md are what they say."""

import re
from pathlib import Path

import yaml
from lab_campaign import start
from saltloop.chemistry.result_files import read_rows
from saltloop.loop.lab.intake import take
from saltloop.loop.lab.settings import LabSettings

LAB = (Path(__file__).parents[1] / "docs" / "lab.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", LAB, flags=re.DOTALL)


def test_the_example_files_are_taken(tmp_path):
    with start(tmp_path) as campaign:
        for kind in ("csv", "json"):
            for text in blocks(kind):
                take(campaign, read_rows(f"example.{kind}", text.encode()), actor="docs")
        record = campaign.record
        assert sorted(m.external_id for m in campaign.measurements()) == ["lab-2031", "run7-03", "run7-04"]
        assert [one.limit for one in record.results.values() if one.status == "censored"] == ["below"]
        assert [entry["kind"] for entry in record.infeasible.values()] == ["separated"]


def test_the_settings_are_those_there_are():
    (example,) = blocks("yaml")
    LabSettings(**yaml.safe_load(example)["lab"])
    table = LAB.partition("| setting of `lab:`")[2].partition("\n\n")[0]
    named = {
        name.split(".")[0]
        for cell in re.findall(r"^\| ([^|]*) \|", table, flags=re.MULTILINE)
        for name in re.findall(r"`([a-z_.A-Z]+)`", cell)
    }
    assert set(LabSettings.model_fields) == {name for name in named if name}
