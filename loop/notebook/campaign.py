"""``from saltloop import Campaign``: a campaign in a notebook, through the same functions as the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltloop.loop.campaign import STATE_NAME
from saltloop.loop.errors import CampaignError, LockedError
from saltloop.loop.lab.frames import candidates_frame, results_frame
from saltloop.loop.lab.verdict import RefusedError
from saltloop.loop.naming import candidate_named
from saltloop.loop.notebook.decisions import Decisions
from saltloop.loop.notebook.frames import events_frame, predictions_frame, verdicts_frame
from saltloop.loop.notebook.given import liquids_of, results_of
from saltloop.loop.notebook.new import write_campaign_file
from saltloop.loop.notebook.pictures import Pictures
from saltloop.loop.notebook.screen import CellScreen
from saltloop.loop.opening import open_for_writing, settings_ahead
from saltloop.loop.people import login_name
from saltloop.loop.reports import report

if TYPE_CHECKING:
    import pandas as pd
    from saltloop.loop.notebook.given import Liquids, Results
    from saltloop.loop.settings import CampaignSettings


class Campaign(Decisions, Pictures):
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

    def ask(self, n: int = 4, *, wait_s: float = 600, steal_lock: bool = False) -> pd.DataFrame:
        """Propose ``n`` liquids for the lab: a row each, a column for every salt (mol/kg) and solvent (mass share).

        While another process writes the campaign it is asked to propose them, and waited for.
        """
        from saltloop.loop.lab.asking import ask

        ids = ask(
            self._path,
            n,
            person=self._person,
            screen=self._screen,
            steal_lock=steal_lock,
            wait_s=wait_s,
            strategy_of=self._strategy_of,
        )
        return candidates_frame(self._read(), ids)

    def tell(
        self,
        results: Results,
        *,
        uncertainty: str | float | None = None,
        target: str = "conductivity",
        unit: str = "mS/cm",
        basis: str = "mass_fraction",
        concentration: str = "mol/kg",
        source: str = "experiment",
        arms: pd.DataFrame | None = None,
        experiment: str = "",
        amend: bool = False,
        dry_run: bool = False,
        steal_lock: bool = False,
    ) -> pd.DataFrame:
        """Take measured results: all of them, or none. Returns the verdict on each. The same again changes nothing.

        Args:
            results: a file (CSV, JSON, XLSX); the frame of ``ask`` with a column ``target`` filled in, or any frame of
                parameters (BayBE); a frame with the fields of the schema as columns (docs/lab.md); Ax's data, with
                ``arms``; or results as dictionaries.
            uncertainty: of ``target``: a column of standard uncertainties, or one relative one (0.02) for all.
            target: the column of values, or Ax's metric.
            unit: of ``target``.
            basis: of the solvents' columns: mass_fraction, volume_fraction or mole_fraction.
            concentration: unit of the salts' columns: mol/kg or mol/L.
            source: who measured.
            arms: Ax's arms: ``arm_name`` and the parameters.
            experiment: of Ax, for the names of its results; the campaign's name if it is left out.
            amend: those that have another content under a known name replace it.
            dry_run: judge, and record nothing.

        Raises:
            RefusedError: some cannot be taken; nothing was recorded (not with ``dry_run``).
        """
        from saltloop.loop.lab.telling import tell

        reading = self._read()
        is_file = isinstance(results, str | Path)
        rows = results_of(
            results,
            arms=arms,
            experiment=experiment or reading.settings.name,
            target=target,
            uncertainty=uncertainty,
            unit=unit,
            basis=basis,
            concentration=concentration,
            source=source,
            species=reading.species,
        )
        try:
            answer = tell(
                self.folder,
                rows,
                name=str(results) if is_file else "the results",
                person=self._person,
                file_name=Path(str(results)).name if is_file else "",
                dry_run=dry_run,
                amend=amend,
                steal_lock=steal_lock,
                say=self._screen.warn,
                strategy_of=self._strategy_of,
            )
        except RefusedError as error:
            if not dry_run:
                raise
            return verdicts_frame(error.verdicts)
        self._screen.say(str(answer))
        return verdicts_frame(answer.told.verdicts)

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
        """All that were proposed, or those in one state: ``open`` (not settled), ``completed``, ``rejected``, ..."""
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
