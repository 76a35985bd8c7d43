"""Results that a person brings: taken in at once, or left for the process that writes the campaign now."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltloop.chemistry.result_files import Row
from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import LockedError
from saltloop.loop.lab.intake import Told, take
from saltloop.loop.lab.surprise import predictor
from saltloop.loop.strategy import Strategy, SurrogateStrategy


@dataclass(frozen=True)
class Answer:
    """What became of the results."""

    told: Told
    left_in: Path | None = None
    """Where they wait for the process that writes the campaign; ``told`` is then what was found before."""
    is_dry_run: bool = False

    def __str__(self) -> str:
        if self.is_dry_run:
            return f"Nothing was recorded. {str(self.told).replace(' taken,', ' would be taken,', 1)}"
        if self.left_in is None:
            return str(self.told)
        return f"Left for the process that writes this campaign, in {self.left_in}: {self.told}"


def tell(
    folder: Path,
    results: Sequence[LabResult | Row],
    *,
    name: str,
    person: str,
    file_name: str = "",
    dry_run: bool = False,
    amend: bool = False,
    steal_lock: bool = False,
    say: Callable[[str], None] = lambda text: None,
    strategy_of: Callable[[Campaign], Strategy] = SurrogateStrategy,
) -> Answer:
    """Judge results and record them: all of them or none.

    Args:
        folder: the campaign's.
        name: what the results are called in an error.
        file_name: of the file that they come from, for the events; may be empty.
        dry_run: judge, with the model as well, and record nothing.
        amend: those that have another content under a known name replace it.
        say: takes the campaign's messages.

    Raises:
        CampaignError: the campaign is closed.
        RefusedError: some cannot be taken; nothing was recorded.
    """
    reading = Campaign.read(folder)
    predict = predictor(reading, strategy_of(reading)) if dry_run else None
    told = take(reading, results, actor=person, name=name, dry_run=True, amend=amend, predict=predict)
    if dry_run:
        return Answer(told, is_dry_run=True)
    try:
        with Campaign.open(folder, actor=person, steal_lock=steal_lock, is_brief=True) as campaign:
            for message in campaign.messages:
                say(message)
            return Answer(
                take(
                    campaign,
                    results,
                    actor=person,
                    name=name,
                    origin={"file": file_name} if file_name else None,
                    amend=amend,
                    predict=predictor(campaign, strategy_of(campaign)),
                )
            )
    except LockedError:
        return Answer(told, left_in=_leave(folder, results, person=person, file_name=file_name, amend=amend))


def _leave(folder: Path, results: Sequence[LabResult | Row], *, person: str, file_name: str, amend: bool) -> Path:
    """Put the results, which were judged good, where the writing process finds them."""
    from saltloop.loop.steering.apply import Tell
    from saltloop.loop.steering.queue import leave

    def plain(one: LabResult | Row) -> dict[str, Any]:
        result = one.result if isinstance(one, Row) else one
        assert result is not None
        return result.to_dict()

    stem = re.sub(r"[^\w. -]", "_", file_name) or "results"
    content = json.dumps({"results": [plain(one) for one in results]}, ensure_ascii=False, indent=1)
    return leave(folder, Tell(person=person, file_name=f"r_{stem}.json", content=content, amend=amend)).parent
