"""Fetching public data sets into the user's cache: resumable, checked, and replaced only when whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DataError

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None], None]
"""Called with bytes so far and the bytes in all, where the server says."""

FIGSHARE_API = "https://api.figshare.com/v2"
API_VARIABLE = "SALTLOOP_FIGSHARE_API"
CACHE_VARIABLE = "SALTLOOP_CACHE"
DATA_VARIABLE = "SALTLOOP_DATA"
TIMEOUT_s = (10.0, 60.0)
"""To connect, and between two pieces of an answer."""
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class RemoteFile:
    """One file of an article in a figshare-type repository."""

    dataset: str
    file_name: str
    article: int
    file_id: int
    sha256: str
    doi: str
    licence: str


CALISOL23 = RemoteFile(
    dataset="calisol23",
    file_name="calisol23.csv",
    article=24559960,
    file_id=43151344,
    sha256="af560531c6b0d7ea0848581120f5f08a725c510bba8cbc3ae84c6b89ae32993f",
    doi="10.11583/DTU.24559960",
    licence="CC BY 4.0",
)
REMOTE_FILES = {CALISOL23.dataset: CALISOL23}


def cache_folder() -> Path:
    """``SALTLOOP_CACHE``, or saltloop's folder where the platform keeps caches (``~/.cache/saltloop`` on Linux)."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "saltloop" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "saltloop"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saltloop"


def local_copy(remote: RemoteFile) -> Path:
    """Where the data set lies on this machine: in the folder ``SALTLOOP_DATA``, or in the cache.

    Raises:
        DataError: in neither; names the command that fetches it.
    """
    folders = [Path(folder) for folder in (os.environ.get(DATA_VARIABLE),) if folder] + [cache_folder()]
    for folder in folders:
        if (folder / remote.file_name).is_file():
            return folder / remote.file_name
    raise DataError(
        f"The data set {remote.dataset!r} is not on this machine (looked in {', '.join(map(str, folders))}). "
        f"Get it with `saltloop data fetch {remote.dataset}`, or with `--from FILE` from a copy at hand."
    )


def fetch(remote: RemoteFile, *, api: str | None = None, progress: Progress | None = None) -> Path:
    """Download a data set into the cache, resuming a download that was interrupted; return its path.

    A copy in the cache with the right checksum is left alone. ``api`` overrides the repository's address, as does
    ``SALTLOOP_FIGSHARE_API``.

    Raises:
        DataError: no answer, a refusal, or a file with another checksum; says what to do.
    """
    target = cache_folder() / remote.file_name
    if target.is_file() and sha256_of(target) == remote.sha256:
        return target
    base = (api or os.environ.get(API_VARIABLE) or FIGSHARE_API).rstrip("/")
    part = target.with_name(target.name + ".part")
    _make_folder(target.parent)
    import requests

    url = f"{base}/articles/{remote.article}"
    try:
        with requests.Session() as session:
            url = _download_url(session, url, remote)
            _download(session, url, part, progress)
    except requests.RequestException as error:
        raise DataError(
            f"Cannot get {remote.dataset} from {url}: {_why(error)}. What has arrived is kept: run the command "
            f"again to go on. Without a network, copy the file here (DOI {remote.doi}) and use "
            f"`saltloop data fetch {remote.dataset} --from FILE`."
        ) from error
    except OSError as error:
        raise DataError(
            f"Cannot write {part} ({error}); make room, or set {CACHE_VARIABLE} to another folder."
        ) from error
    _accept(part, target, remote, came_from=url)
    return target


def fetch_from_file(remote: RemoteFile, file: Path) -> Path:
    """Put a copy at hand into the cache after checking it; return the path in the cache.

    Raises:
        DataError: no such file, or one with another checksum.
    """
    if not file.is_file():
        raise DataError(f"There is no file {file} to take {remote.dataset} from.")
    target = cache_folder() / remote.file_name
    _make_folder(target.parent)
    copy = target.with_name(f"{target.name}.{os.getpid()}.copy")
    try:
        shutil.copyfile(file, copy)
    except OSError as error:
        raise DataError(f"Cannot copy {file} to {copy}: {error.strerror or error}.") from error
    _accept(copy, target, remote, came_from=str(file))
    return target


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot make the cache folder {folder} ({error}); set {CACHE_VARIABLE} to another.") from error


def _download_url(session: requests.Session, url: str, remote: RemoteFile) -> str:
    answer = session.get(url, timeout=TIMEOUT_s)
    answer.raise_for_status()
    try:
        offered = {one["id"]: one["download_url"] for one in answer.json()["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{url} does not answer like a figshare repository; check the address.") from error
    if remote.file_id not in offered:
        raise DataError(
            f"{url} lists no file {remote.file_id} (it has {sorted(offered)}); the data set has moved: see "
            f"https://doi.org/{remote.doi}."
        )
    return str(offered[remote.file_id])


def _download(session: requests.Session, url: str, part: Path, progress: Progress | None) -> None:
    start = part.stat().st_size if part.exists() else 0
    answer = session.get(url, headers={"Range": f"bytes={start}-"} if start else {}, stream=True, timeout=TIMEOUT_s)
    if answer.status_code == 416:
        # There is nothing after what we have: whole, or longer than the file; the checksum tells.
        return
    answer.raise_for_status()
    if answer.status_code != 206:
        start = 0
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length else None
    with part.open("ab" if start else "wb") as file:
        done = start
        for chunk in _chunks(answer):
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        import requests

        raise requests.ConnectionError(f"the connection closed after {done:,} of {total:,} bytes")


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    # The raw stream: what lies in the part file must be the server's bytes for a later Range to fit.
    import requests
    from urllib3.exceptions import HTTPError

    try:
        while chunk := answer.raw.read(_CHUNK_BYTES, decode_content=False):
            yield chunk
    except HTTPError as error:
        raise requests.ConnectionError(f"the connection broke: {error}") from error


def _accept(arrived: Path, target: Path, remote: RemoteFile, *, came_from: str) -> None:
    found = sha256_of(arrived)
    if found != remote.sha256:
        arrived.unlink()
        raise DataError(
            f"{came_from} is not {remote.dataset}: its SHA-256 is {found}, not {remote.sha256}. Nothing was kept; "
            f"fetch it again, or look at https://doi.org/{remote.doi} for a newer version."
        )
    os.replace(arrived, target)


def _why(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    return f"no answer ({type(error).__name__}: {error})" if str(error) else type(error).__name__
