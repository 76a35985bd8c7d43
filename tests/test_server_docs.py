"""docs/server.md names the options and calls that there are."""

import re
from pathlib import Path

from lab_campaign import start
from saltloop.loop.commands.serve import serve
from server_client import client_of

DOCS = (Path(__file__).parents[1] / "docs" / "server.md").read_text(encoding="utf-8")


def test_the_options_are_those_of_the_command():
    table = DOCS.partition("| option |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(--?[a-z-]+)`", table))
    there = {option for parameter in serve.params for option in parameter.opts if option.startswith("-")}
    assert named == there - {"--quiet"}


def test_every_call_is_there_and_every_call_that_is_there_is_named(tmp_path):
    with start(tmp_path) as campaign:
        folder = campaign.folder
    with client_of(folder) as client:
        paths = {re.sub(r"\{\w+\}", "{id}", path) for path in client.get("/openapi.json").json()["paths"]}
    table = DOCS.partition("| call | does |")[2].partition("\n\n")[0]
    named = {re.sub(r"\{\w+\}", "{id}", path) for path in re.findall(r"/[\w/{}]+", table) if path[1:3] in ("v1", "he")}
    assert named == paths
