"""A controller that watches a campaign, with a strategy that answers at once: python watching_controller.py FOLDER."""

import sys
from pathlib import Path

from fakes import FakeStrategy, InlineExecutor
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller
from saltloop.loop.screen import Screen

if __name__ == "__main__":
    with Campaign.open(Path(sys.argv[1])) as campaign:
        Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run(watch=True)
