"""The server's token: made on first start, kept in the campaign's folder, compared in constant time."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path

from saltloop.loop.errors import CampaignError

FILE = "server.token"
VARIABLE = "SALTLOOP_TOKEN"
SHORTEST = 20


def token_of(folder: Path, file: Path | None = None) -> tuple[str, str]:
    """The token, and where it is from in words; made and kept in ``server.token`` (mode 0600) where there is none.

    The variable SALTLOOP_TOKEN comes before ``file``, and ``file`` before the campaign's own.

    Raises:
        CampaignError: the token is too short to be safe, cannot be read, or others may read its file.
    """
    if given := os.environ.get(VARIABLE, "").strip():
        return _checked(given, f"the variable {VARIABLE}"), f"the variable {VARIABLE}"
    path = file or folder / FILE
    try:
        if file is None and not path.exists():
            return _make(path), f"{path}, made now"
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise CampaignError(f"Others may read the token in {path}. Make it your own: chmod 600 {path}")
        return _checked(path.read_text(encoding="ascii").strip(), str(path)), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignError(f"The token in {path} cannot be read or made: {error}.") from None


def is_right(given: bytes, token: str) -> bool:
    """Whether the value of an Authorization header is ``Bearer`` and the token. Takes the same time either way."""
    scheme, _, credentials = given.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(credentials.strip(), token.encode())


def _checked(token: str, where: str) -> str:
    if len(token) < SHORTEST or not token.isascii() or any(one.isspace() for one in token):
        raise CampaignError(
            f"The token in {where} must have {SHORTEST} characters or more, without blanks. Make one: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return token


def _make(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    return token
