"""Who asks: the name in the events."""

from __future__ import annotations

import getpass

from saltloop.loop.errors import CampaignError


def login_name() -> str:
    """The name of whoever runs this program.

    Raises:
        CampaignError: the system does not know it.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise CampaignError("The system does not know your name; say it (--by NAME, or by='NAME' in Python).") from None
