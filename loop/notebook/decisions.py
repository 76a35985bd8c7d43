"""What a person decides on candidates, results and the campaign: the requests of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from saltloop.loop.errors import CampaignError
from saltloop.loop.notebook.handle import Handle
from saltloop.loop.steering import apply as asked
from saltloop.loop.steering.request import Request
from saltloop.loop.steering.results import RejectResult, Release, Retract, find_results
from saltloop.loop.steering.send import problem_of, send

#: One name, or several: a list, a frame's index or column.
Names = str | Iterable[str]


class Decisions(Handle):
    """Each is one event with your name, or is refused before anything is written.

    While another process writes the campaign, the request is left for it, and that is said.
    """

    def approve(self, *candidates: Names) -> None:
        """Approve proposed candidates of a campaign with ``approval: manual``."""
        self._send(asked.Approve, candidate_ids=_names(candidates))

    def reject(self, *candidates: Names, reason: str, infeasible: bool = False) -> None:
        """Reject candidates: they are never proposed again. ``infeasible``: they cannot be made, which teaches."""
        self._send(asked.Reject, candidate_ids=_names(candidates), reason=reason, is_infeasible=infeasible)

    def repropose(self, candidate: str, *, reason: str = "", **fixed: float | str) -> None:
        """Reject a candidate, and propose the best with some factors fixed: ``molality=1.0, EC=0.3, salt="LiFSI"``."""
        self._send(asked.Repropose, candidate_id=candidate, fixed=fixed, reason=reason)

    def pause(self, reason: str) -> None:
        """Start nothing new until ``resume``; jobs that run come to their end."""
        self._send(asked.Pause, reason=reason)

    def resume(self) -> None:
        """Lift a pause; ``run`` then goes on."""
        self._send(asked.Resume)

    def close(self, reason: str) -> None:
        """End the campaign for good."""
        self._send(asked.Close, reason=reason)

    def release(self, *results: Names, reason: str = "") -> None:
        """Release results from quarantine: you vouch for them. By id, SOURCE/EXTERNAL_ID, or their candidate's id."""
        self._send(Release, measurement_ids=self._results(results, held=True), reason=reason)

    def reject_result(self, *results: Names, reason: str) -> None:
        """Rule quarantined results out; they stay on record."""
        self._send(RejectResult, measurement_ids=self._results(results, held=True), reason=reason)

    def retract(self, *results: Names, reason: str) -> None:
        """Retract results that turned out to be wrong; they stay on record and no longer count."""
        self._send(Retract, measurement_ids=self._results(results, held=False), reason=reason)

    def _send(self, kind: type[Request], **values: Any) -> None:
        try:
            request = kind(person=self._person, **values)
        except ValidationError as error:
            raise CampaignError(problem_of(error)) from None
        self._screen.say(send(self.folder, request))

    def _results(self, names: tuple[Names, ...], *, held: bool) -> tuple[str, ...]:
        return find_results(self._read().record, _names(names), held=held)


def _names(names: tuple[Names, ...]) -> tuple[str, ...]:
    flat = [one for name in names for one in ([name] if isinstance(name, str) else name)]
    if not flat:
        raise CampaignError("Nothing is named; give an id, several, or a frame's index.")
    if wrong := [one for one in flat if not isinstance(one, str)]:
        raise CampaignError(f"{wrong[0]!r} is no name; give ids as text, such as frame.index of a frame of candidates.")
    return tuple(flat)
