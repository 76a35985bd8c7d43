"""Candidates out to a lab, and its results in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from saltloop.loop.lab.frames import candidates_frame
from saltloop.loop.lab.verdict import RefusedError
from saltloop.loop.notebook.frames import verdicts_frame, worklist_frame
from saltloop.loop.notebook.given import results_of
from saltloop.loop.notebook.handle import Handle

if TYPE_CHECKING:
    import pandas as pd
    from saltloop.loop.notebook.given import Results


class Lab(Handle):
    """Asking, worklists, telling."""

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

    def worklist(
        self,
        path: str | Path | None = None,
        *,
        candidates: Iterable[str] | None = None,
        batch: str | None = None,
        replicates: int | None = None,
        sheet: str | Path | None = None,
    ) -> pd.DataFrame:
        """How each vial is made: a row for each, with target masses or volumes. Fill in ``value`` and tell it.

        Args:
            path: also write it to this file: CSV, JSON or XLSX.
            candidates: for these; by default for all of the lab's that are open.
            batch: how much of each is made, such as ``10 g`` or ``8 mL``; by default as the campaign file says.
            replicates: vials of each formulation.
            sheet: also write a page to print (HTML).
        """
        from saltloop.loop.lab.worklist import worklist_of
        from saltloop.loop.lab.worklist_files import write, write_sheet

        ids = None if candidates is None else list(candidates)
        made = worklist_of(self._path, ids, batch=batch, replicates=replicates)
        if path is not None:
            write(made, Path(path))
        if sheet is not None:
            write_sheet(made, Path(sheet))
        return worklist_frame(made)

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
