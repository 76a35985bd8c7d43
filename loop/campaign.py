"""The campaign: the one stateful object. Settings, state file and record, opened for writing or for reading."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.errors import CampaignError, CampaignFileError, StateError
from saltloop.loop.events import Event, content_hash
from saltloop.loop.lock import CampaignLock
from saltloop.loop.record import CampaignRecord
from saltloop.loop.record_items import Result
from saltloop.loop.settings import UNRECORDED, CampaignSettings, load_campaign_file
from saltloop.loop.state import Position, StateFile, read_on
from saltloop.loop.steering.edits import CHANGED_BY, edits_of_file

STATE_NAME = "state.jsonl"
LOCK_NAME = "state.lock"

#: Events after which the campaign's settings are others; those of ``UNRECORDED`` come from the campaign file alone.
CHANGES_SETTINGS = frozenset({"campaign_created", *CHANGED_BY.values(), "campaign_forked"})

#: What a seed is for; part of its derivation (design: seeds are derived, not stored).
SEED_PURPOSES = {"surrogate": 1, "acquisition": 2, "oracle": 3}


class Campaign:
    """A campaign's folder: ``state.jsonl`` is the truth, ``record`` what it adds up to.

    Use ``Campaign.start_or_resume(file)`` to write (it holds the lock until ``close``) and
    ``Campaign.read(folder)`` to look.
    """

    def __init__(self, folder: Path, settings: CampaignSettings, record: CampaignRecord, events: list[Event]) -> None:
        self.folder = folder
        self.settings = settings
        self.record = record
        self.events = events
        self.messages: list[str] = []
        self._position = Position()
        self._state: StateFile | None = None
        self._lock: CampaignLock | None = None
        self._species: SpeciesBook | None = None

    @classmethod
    def start_or_resume(
        cls, file: Path, *, actor: str = "controller", steal_lock: bool = False, accept_space: bool = False
    ) -> Campaign:
        """Open the campaign of a campaign file for writing; the first time, create its folder and state.

        An edited budget and edited stop rules are recorded; an edited space only with ``accept_space``. What a command
        has changed since the file was last read stands, unless the file was edited there as well.

        Raises:
            CampaignFileError: the file is wrong, or differs from the record in more than may be changed.
            LockedError: another process writes this campaign.
            StateError: the state file is damaged or newer than this program.
        """
        settings = load_campaign_file(file)
        folder = file.parent / settings.name
        return cls._open(folder, settings, file, actor=actor, steal_lock=steal_lock, accept_space=accept_space)

    @classmethod
    def open(
        cls, folder: Path, *, actor: str = "controller", steal_lock: bool = False, is_brief: bool = False
    ) -> Campaign:
        """Open an existing campaign's folder for writing, with the settings that its state records.

        Where it is open only for the moment (``is_brief``), another process waits for it instead of giving up.
        """
        settings = cls.read(folder).settings
        return cls._open(folder, settings, None, actor=actor, steal_lock=steal_lock, is_brief=is_brief)

    @classmethod
    def read(cls, folder: Path) -> Campaign:
        """Read a campaign without a lock. A torn last line is left where it is and said in ``messages``."""
        path = folder / STATE_NAME
        if not path.exists():
            raise CampaignError(
                f"There is no campaign in {folder} (no {STATE_NAME}). Start one with 'saltloop run CAMPAIGN.yaml'."
            )
        events, torn, position = read_on(path, Position())
        if not events:
            raise StateError(f"{path} holds no event yet; start the campaign again with 'saltloop run CAMPAIGN.yaml'.")
        record = CampaignRecord.replay(events)
        campaign = cls(folder, _recorded_settings(record), record, events)
        campaign._position = position
        if torn:
            campaign.messages.append(f"The last line of {path} is torn; the next writer will move it aside.")
        return campaign

    def read_on(self) -> list[Event]:
        """Take in what another process has appended since this campaign was read; returns those events.

        Raises:
            StateError: the state file is another one, or damaged.
        """
        events, _, self._position = read_on(self.folder / STATE_NAME, self._position)
        for event in events:
            self.events.append(event)
            self.apply(event)
        return events

    @classmethod
    def _open(
        cls,
        folder: Path,
        settings: CampaignSettings,
        file: Path | None,
        *,
        actor: str,
        steal_lock: bool,
        accept_space: bool = False,
        is_brief: bool = False,
    ) -> Campaign:
        if folder.is_file():
            raise CampaignFileError(
                f"{folder} is a file, so that it cannot be the folder of the campaign '{settings.name}'. Give the "
                "campaign another 'name'."
            )
        folder.mkdir(parents=True, exist_ok=True)
        lock = CampaignLock(folder / LOCK_NAME, steal=steal_lock, is_brief=is_brief)
        lock.acquire()
        try:
            state = StateFile(folder / STATE_NAME, guard=lock.check)
            campaign = cls(folder, settings, CampaignRecord.replay(state.events), state.events)
            campaign._state, campaign._lock = state, lock
            if state.torn_piece:
                campaign.messages.append(
                    f"The last line of the state file was torn (a crash in the middle of a write). It was moved to "
                    f"{state.torn_piece.name}; the campaign goes on from the event before it."
                )
            if state.events:
                campaign._resume(file, actor, accept_space=accept_space)
            else:
                campaign._create(actor)
        except BaseException:
            lock.release()
            raise
        return campaign

    def append(self, event_type: str, data: dict[str, Any], *, actor: str = "controller") -> Event:
        """Record one event durably and add it to ``record``."""
        if self._state is None:
            raise CampaignError("This campaign was opened for reading; open it with Campaign.open to write.")
        event = self._state.append(event_type, data, actor=actor)
        self.apply(event)
        return event

    def apply(self, event: Event) -> None:
        """Add one event to ``record``, and to ``settings`` where it changes them."""
        self.record.apply(event)
        if event.type in CHANGES_SETTINGS:
            changed = _recorded_settings(self.record)
            self.settings = changed.model_copy(update=_unrecorded(self.settings))

    def close(self) -> None:
        """Release the state file and the lock."""
        if self._state is not None:
            self._state.close()
            self._state = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def species(self) -> SpeciesBook:
        """The built-in species and the campaign's own."""
        if self._species is None:
            self._species = self.settings.species_book()
        return self._species

    def formulation(self, candidate_id: str) -> Formulation:
        """The formulation of a candidate."""
        return Formulation.from_dict(self.record.candidates[candidate_id].formulation, species=self.species)

    def formulation_of(self, result: Result) -> Formulation:
        """The formulation that a result was measured on."""
        return Formulation.from_dict(result.measurement["formulation"], species=self.species)

    def measurements(self, quantity: str = "conductivity") -> list[Measurement]:
        """The campaign's own valid results as they arrived, by measurement id."""
        return [
            Measurement.from_dict(result.measurement, species=self.species)
            for result in self.record.valid_results(quantity)
        ]

    def seed(self, iteration: int, purpose: str, *more: int) -> int:
        """The seed for one purpose in one iteration, a 32-bit integer."""
        import numpy as np

        entropy = [self.settings.seed, iteration, SEED_PURPOSES[purpose], *more]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _create(self, actor: str) -> None:
        from saltloop.loop.warm_start import pinned

        self.settings = self.settings.model_copy(update={"data": pinned(self.settings.data)})
        settings = self.settings.model_dump(mode="json")
        self.append(
            "campaign_created",
            {"settings": settings, "settings_hash": content_hash(settings), "versions": versions()},
            actor=actor,
        )

    def _resume(self, file: Path | None, actor: str, *, accept_space: bool) -> None:
        edited = self.settings
        self.settings = _recorded_settings(self.record).model_copy(update=_unrecorded(edited))
        if file is not None:
            events, messages = edits_of_file(file, self.record, edited, accept_space=accept_space)
            self.messages += messages
            for event_type, data in events:
                self.append(event_type, data, actor=actor)


def _recorded_settings(record: CampaignRecord) -> CampaignSettings:
    try:
        return CampaignSettings.model_validate(record.settings)
    except ValueError as error:
        raise StateError(
            f"The settings recorded in the state file cannot be read by this saltloop ({error}). They were written by "
            f"{record.created.get('versions', {})}; use that version."
        ) from None


def _unrecorded(settings: CampaignSettings) -> dict[str, Any]:
    return {section: getattr(settings, section) for section in UNRECORDED}


def versions() -> dict[str, str]:
    """Versions of what decides: saltloop, its numerical packages, Python."""
    names = ("saltloop", "torch", "botorch", "gpytorch", "openmm", "rdkit")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def campaign_folder(path: Path) -> Path:
    """The folder of a campaign named by its folder or its campaign file.

    Raises:
        CampaignFileError: neither exists.
    """
    if path.is_dir():
        return path
    if not path.exists():
        raise CampaignFileError(f"There is neither a campaign file nor a campaign folder {path}.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CampaignFileError(f"{path} is not a campaign file: {error}") from None
    name = values.get("name", path.stem) if isinstance(values, dict) else path.stem
    return path.parent / str(name)
