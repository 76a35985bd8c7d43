"""Downloading against a local server that answers as a figshare repository does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from saltloop.chemistry import DataError
from saltloop.chemistry.fetch import CALISOL23, cache_folder, fetch, fetch_from_file, local_copy

CONTENT = b"doi,k\n" + bytes(range(256)) * 2000
REMOTE = replace(CALISOL23, sha256=hashlib.sha256(CONTENT).hexdigest())


@dataclass
class Behaviour:
    """What the server does next, and what it was asked."""

    break_after: int | None = None
    is_range_ignored: bool = False
    status: int = 200
    content: bytes = CONTENT
    files: list[dict[str, object]] | None = None
    ranges: list[str | None] = field(default_factory=list)


@dataclass
class Repository:
    """A running server."""

    api: str
    behaviour: Behaviour


@pytest.fixture
def repository() -> Iterator[Repository]:
    behaviour = Behaviour()

    class Handler(BaseHTTPRequestHandler):
        server: ThreadingHTTPServer

        def do_GET(self) -> None:
            if behaviour.status != 200:
                self.send_error(behaviour.status)
            elif self.path == f"/v2/articles/{REMOTE.article}":
                url = f"http://127.0.0.1:{self.server.server_port}/files/{REMOTE.file_id}"
                files = [{"id": 1, "download_url": "x"}, {"id": REMOTE.file_id, "download_url": url}]
                self._send(200, json.dumps({"files": files if behaviour.files is None else behaviour.files}).encode())
            elif self.path == f"/files/{REMOTE.file_id}":
                self._send_file()
            else:
                self.send_error(404)

        def _send_file(self) -> None:
            asked = self.headers.get("Range")
            behaviour.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not behaviour.is_range_ignored else 0
            if start and start >= len(behaviour.content):
                self.send_error(416)
                return
            self._send(206 if start else 200, behaviour.content[start:], behaviour.break_after)

        def _send(self, status: int, body: bytes, break_after: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:break_after])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Repository(f"http://127.0.0.1:{server.server_address[1]}/v2", behaviour)
    server.shutdown()
    server.server_close()
    thread.join()


def part_file(cache: Path) -> Path:
    return cache / "calisol23.csv.part"


def test_a_data_set_arrives_in_the_cache_with_progress(repository: Repository, cache: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(REMOTE, api=repository.api, progress=lambda done, total: seen.append((done, total)))
    assert path == cache / "calisol23.csv"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not part_file(cache).exists()
    assert local_copy(REMOTE) == path


def test_what_is_there_already_is_not_fetched_again(repository: Repository, cache: Path) -> None:
    fetch(REMOTE, api=repository.api)
    repository.behaviour.status = 500
    assert fetch(REMOTE, api=repository.api).read_bytes() == CONTENT


def test_an_interrupted_download_is_kept_and_resumed_where_it_stopped(repository: Repository, cache: Path) -> None:
    repository.behaviour.break_after = 200_000
    with pytest.raises(DataError, match="What has arrived is kept: run the command again to go on"):
        fetch(REMOTE, api=repository.api)
    arrived = part_file(cache).stat().st_size
    assert 0 < arrived <= 200_000
    assert not (cache / "calisol23.csv").exists()
    repository.behaviour.break_after = None
    assert fetch(REMOTE, api=repository.api).read_bytes() == CONTENT
    assert repository.behaviour.ranges == [None, f"bytes={arrived}-"]


def test_a_server_that_ignores_the_range_is_taken_from_the_start(repository: Repository, cache: Path) -> None:
    cache.mkdir()
    part_file(cache).write_bytes(CONTENT[:1000])
    repository.behaviour.is_range_ignored = True
    assert fetch(REMOTE, api=repository.api).read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_accepted(repository: Repository, cache: Path) -> None:
    cache.mkdir()
    part_file(cache).write_bytes(CONTENT)
    assert fetch(REMOTE, api=repository.api).read_bytes() == CONTENT


def test_a_part_that_belongs_to_another_file_is_thrown_away_and_the_next_try_works(
    repository: Repository, cache: Path
) -> None:
    cache.mkdir()
    part_file(cache).write_bytes(b"something else")
    with pytest.raises(DataError, match=r"its SHA-256 is \w{64}, not \w{64}"):
        fetch(REMOTE, api=repository.api)
    assert fetch(REMOTE, api=repository.api).read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(repository: Repository, cache: Path) -> None:
    repository.behaviour.content = CONTENT + b"!"
    with pytest.raises(DataError, match="Nothing was kept; fetch it again"):
        fetch(REMOTE, api=repository.api)
    assert list(cache.iterdir()) == []


def test_a_damaged_copy_in_the_cache_is_replaced(repository: Repository, cache: Path) -> None:
    cache.mkdir()
    (cache / "calisol23.csv").write_bytes(CONTENT[:-1])
    assert fetch(REMOTE, api=repository.api).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_refusal_names_address_status_and_remedy(repository: Repository, cache: Path, status: int) -> None:
    repository.behaviour.status = status
    with pytest.raises(
        DataError, match=rf"Cannot get calisol23 from http://127\S+: the server answered {status}.*--from"
    ):
        fetch(REMOTE, api=repository.api)


def test_offline_the_message_names_the_address_the_doi_and_the_remedy(cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        fetch(REMOTE, api="http://127.0.0.1:9/v2")
    message = str(caught.value)
    assert f"http://127.0.0.1:9/v2/articles/{REMOTE.article}: no answer" in message
    assert "10.11583/DTU.24559960" in message
    assert "`saltloop data fetch calisol23 --from FILE`" in message


def test_an_article_without_the_file_says_that_it_moved(repository: Repository, cache: Path) -> None:
    repository.behaviour.files = [{"id": 7, "download_url": "x"}]
    with pytest.raises(DataError, match=r"lists no file 43151344 \(it has \[7\]\); the data set has moved"):
        fetch(REMOTE, api=repository.api)


def test_an_address_that_is_no_repository_is_recognised(repository: Repository, cache: Path) -> None:
    with pytest.raises(DataError, match="the server answered 404"):
        fetch(REMOTE, api=repository.api + "/elsewhere")


def test_the_address_may_come_from_the_environment(
    repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALTLOOP_FIGSHARE_API", repository.api + "/")
    assert fetch(REMOTE).read_bytes() == CONTENT


def test_a_copy_at_hand_is_checked_and_put_into_the_cache(cache: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(CONTENT)
    assert fetch_from_file(REMOTE, copy).read_bytes() == CONTENT
    assert copy.exists()


def test_a_wrong_copy_is_refused_and_left_alone(cache: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(b"no")
    with pytest.raises(DataError, match=r"copy.csv is not calisol23: its SHA-256"):
        fetch_from_file(REMOTE, copy)
    assert copy.read_bytes() == b"no"
    assert list(cache.iterdir()) == []


def test_a_copy_that_is_not_there_is_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*absent.csv"):
        fetch_from_file(REMOTE, tmp_path / "absent.csv")


def test_the_published_checksum_is_that_of_the_file(cache: Path, shared_data: Path) -> None:
    assert fetch_from_file(CALISOL23, shared_data / "calisol23.csv").parent == cache


def test_without_a_choice_the_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SALTLOOP_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "saltloop"
