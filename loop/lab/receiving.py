"""Results that lie ready for the process that writes the campaign: in the spool and in the inbox."""

from __future__ import annotations

import math
from collections.abc import Callable

from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError, StateWriteError
from saltloop.loop.lab.inbox import Inbox, Received
from saltloop.loop.lab.spool_drain import drain
from saltloop.loop.lab.surprise import Predict, predictor
from saltloop.loop.strategy import Strategy


class Receiver:
    """Takes in what has arrived, each time it is called. Hold the campaign's lock."""

    def __init__(
        self, campaign: Campaign, strategy: Strategy | None, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._campaign, self._strategy, self._say = campaign, strategy, say
        self.inbox = Inbox(campaign.folder, settle_s=campaign.settings.lab.settle_s)

    def receive(self, *, for_s: float = math.inf) -> list[Received]:
        """Drain the spool (for at most about ``for_s``) and take in the inbox's complete files.

        Returns what became of the files.

        Raises:
            CampaignError: files cannot be moved out of the inbox.
            StateError, StateWriteError, LockedError: the campaign cannot be written.
        """
        if self._campaign.record.is_closed:
            return []
        drain(self._campaign, self._predict, self._say, for_s=for_s)
        try:
            received = self.inbox.take_in(self._campaign, self._predict)
        except StateWriteError:
            raise
        except OSError as error:
            raise CampaignError(
                f"The inbox {self.inbox.path} cannot be emptied ({error}); nothing in it is lost."
            ) from error
        for one in received:
            if one.told is None:
                self._say(f"inbox/{one.name} is refused: {one.problem}")
            else:
                self._say(f"inbox/{one.name}: {one.told}")
        return received

    def _predict(self) -> Predict | None:
        return predictor(self._campaign, self._strategy)
