"""``from saltloop import Campaign``: a campaign in a notebook, through the same functions as the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from saltloop.loop.campaign import STATE_NAME
from saltloop.loop.errors import CampaignError, LockedError
from saltloop.loop.lab.frames import candidates_frame, results_frame
from saltloop.loop.naming import candidate_named
from saltloop.loop.notebook.decisions import Decisions
from saltloop.loop.notebook.frames import events_frame, predictions_frame
from saltloop.loop.notebook.given import liquids_of
from saltloop.loop.notebook.lab import Lab
from saltloop.loop.notebook.new import write_campaign_file
from saltloop.loop.notebook.pictures import Pictures
from saltloop.loop.notebook.screen import CellScreen
from saltloop.loop.opening import open_for_writing, settings_ahead
from saltloop.loop.people import login_name
from saltloop.loop.record_items import CandidateStatus
from saltloop.loop.reports import report

if TYPE_CHECKING:
    import pandas as pd
    from saltloop.loop.notebook.given import Liquids
    from saltloop.loop.settings import CampaignSettings


class Campaign(Lab, Decisions, Pictures):
    """A campaign, named by its file or its folder.

    It holds no lock between two calls, so that 'saltloop run', a server and other notebooks may work on the same
    campaign. What comes while another process writes it is left for that process, and the cell says so.

    >>> campaign = Campaign.create("cold.yaml", {"space": {"salts": ["LiPF6"], "solvents": ["EC", "EMC", "DMC"]}})
    >>> todo = campaign.ask(4)
    >>> todo["conductivity"] = [9.1, 8.7, 9.9, 10.2]  # mS/cm
    >>> campaign.tell(todo, uncertainty=0.02)
    """

    @classmethod
    def open(cls, path: str | Path, *, by: str | None = None, quiet: bool = False) -> Campaign:
        """The campaign of a campaign file (which is started if it is new), or of a started campaign's folder.

        Args:
            by: your name in the events; your login if it is left out.
            quiet: print nothing but warnings.

        Raises:
            SaltloopError: there is none, its file is wrong, or its state is damaged.
        """
        from saltloop.loop.preflight import check_before_start

        campaign = cls(Path(path), by or login_name(), CellScreen(is_quiet=quiet))
        if not (campaign.folder / STATE_NAME).exists():
            check_before_start(settings_ahead(campaign._path))
            open_for_writing(campaign._path, campaign._person).close()
        campaign._read()
        return campaign

    @classmethod
    def create(
        cls,
        path: str | Path,
        settings: Mapping[str, Any] | CampaignSettings | str,
        *,
        by: str | None = None,
        quiet: bool = False,
    ) -> Campaign:
        """Write a campaign file (YAML) and start its campaign. Where both are there with these settings, open it.

        Args:
            path: the file; ``.yaml`` is added if it ends otherwise. The campaign's folder lies beside it.
            settings: as in a campaign file (docs/campaigns.md): a dictionary, or YAML as text.

        Raises:
            CampaignFileError: a setting is wrong, or the file is there and says something else.
        """
        return cls.open(write_campaign_file(Path(path), settings), by=by, quiet=quiet)

    def run(
        self, *, watch: bool = False, accept_space: bool = False, resume_paused: bool = False, steal_lock: bool = False
    ) -> Campaign:
        """Go on until a stop rule holds or a person is needed; interrupting the kernel is safe. As 'saltloop run'."""
        from saltloop.loop.running import run_campaign

        run_campaign(
            self._path,
            person=self._person,
            screen=self._screen,
            watch=watch,
            accept_space=accept_space,
            resume_paused=resume_paused,
            steal_lock=steal_lock,
            strategy_of=self._strategy_of,
        )
        return self

    def predict(self, formulations: Liquids) -> pd.DataFrame:
        """What the surrogate believes of liquids (mS/cm), after everything the campaign has learned.

        Args:
            formulations: texts such as ``1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K``, formulations, or a frame of
                candidates or parameters.
        """
        reading = self._read()
        liquids = liquids_of(formulations, reading.species)
        if not liquids:
            return predictions_frame([], [])
        if not reading.record.fits:
            reading = self._fitted()
        return predictions_frame(liquids, self._strategy_of(reading).predict(reading, liquids))

    def _fitted(self) -> Any:
        """The campaign with its surrogate trained, as it would be before its first decision."""
        from saltloop.loop.decisions import fit_surrogate

        try:
            with open_for_writing(self._path, self._person) as campaign:
                fit_surrogate(campaign, self._strategy_of(campaign), screen=self._screen, actor=self._person)
                return campaign
        except LockedError as error:
            raise CampaignError(f"There is no surrogate yet, and it cannot be trained now: {error}") from None

    def status(self) -> dict[str, Any]:
        """Where it stands, as plain data: what 'saltloop status --json' prints."""
        return report.status(self._read())

    def candidates(self, state: str | None = None) -> pd.DataFrame:
        """All that were proposed, or those in one state: ``open`` (not settled), ``completed``, ``rejected``, ...

        Raises:
            CampaignError: there is no such state.
        """
        if state not in (None, "open", *get_args(CandidateStatus)):
            raise CampaignError(f"{state!r} is no state; there are open, {', '.join(get_args(CandidateStatus))}.")
        reading = self._read()
        record = reading.record
        chosen = record.open_candidates() if state == "open" else list(record.candidates.values())
        if state not in (None, "open"):
            chosen = [one for one in chosen if one.status == state]
        return candidates_frame(reading, [one.candidate_id for one in chosen])

    def frame(self) -> pd.DataFrame:
        """Every result with its state: ``counts`` says which are learned from."""
        return results_frame(self._read())

    def log(self) -> pd.DataFrame:
        """Every event: what was decided, by whom, and why."""
        return events_frame(self._read().events)

    def story(self, candidate: str) -> str:
        """One candidate's story, for ``print``."""
        from saltloop.loop.reports.story import candidate_story

        reading = self._read()
        return candidate_story(reading, candidate_named(reading, candidate))

    def __repr__(self) -> str:
        return report.status_text(self._read())

    def _repr_html_(self) -> str:
        from saltloop.loop.notebook.card import card

        return card(report.status(self._read()))
