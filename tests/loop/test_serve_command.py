"""``saltloop serve``: loopback unless it is told otherwise, and the token is said once."""

import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from lab_campaign import start
from saltloop.loop.cli import cli

SALTLOOP = Path(sys.executable).with_name("saltloop")


@pytest.fixture
def folder(tmp_path):
    with start(tmp_path) as campaign:
        return campaign.folder


def serve(*arguments):
    done = CliRunner().invoke(cli, ["serve", *map(str, arguments)])
    return done.output + str(done.exception or "")


def test_a_host_beyond_this_machine_needs_a_word(folder):
    said = serve(folder, "--host", "0.0.0.0")
    assert "needs --expose" in said
    assert "HTTP is not encrypted" in said


def test_a_campaign_that_has_not_been_started_is_not_served(tmp_path):
    assert "has not been started" in serve(tmp_path)


def test_without_the_extra_it_names_the_command_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'saltloop[serve]'" in serve(folder)


def test_a_token_that_others_may_read_is_not_used(folder):
    file = folder / "server.token"
    file.write_text("a-token-that-others-may-read")
    file.chmod(0o644)
    assert "chmod 600" in serve(folder)


def test_a_port_that_is_taken_is_said(folder):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = serve(folder, "--port", taken.getsockname()[1])
    assert "cannot listen on 127.0.0.1" in said


def test_the_command_serves_until_it_is_interrupted_and_tells_the_token_once(folder):
    said, again = run(folder), run(folder)
    token = (folder / "server.token").read_text().strip()
    assert f"made now): {token}" in said
    assert token not in again


def run(folder):
    """What it prints; meanwhile it answers."""
    command = [str(SALTLOOP), "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        first = process.stdout.readline()
        url = re.search(r"http://\S+/", first)[0]
        for _ in range(100):
            try:
                assert urllib.request.urlopen(url + "health").status == 200
                break
            except urllib.error.URLError:
                continue
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url + "v1/campaign")
    finally:
        process.send_signal(signal.SIGINT)
        deadline = threading.Timer(300, process.kill)
        deadline.start()
        rest = process.stdout.read()  # not communicate(), which knows nothing of what readline() has read ahead
        process.wait()
        deadline.cancel()
    assert process.returncode in (0, 130)
    assert "Traceback" not in rest
    return first + rest
