"""The campaign file: what a campaign is asked to do, checked before anything starts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.species import SpeciesBook, SpeciesDefinition
from saltloop.loop.acquisition.settings import AcquisitionSettings, ObjectiveSettings, check_objectives
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.lab.settings import LabSettings
from saltloop.loop.sources.settings import OracleName, OracleSettings, check_oracles
from saltloop.loop.space.settings import BRANCHES, Settings, SpaceSettings
from saltloop.loop.stopping.settings import Budget, StopRule
from saltloop.surrogates.settings import SurrogateSettings


class ExecutionSettings(Settings):
    """Where oracle calls run: this many worker processes, each with a time limit."""

    workers: int = Field(2, ge=1)
    timeout_minutes: float = Field(60, gt=0)
    #: How often a failure that the oracle calls retryable (a time limit, a lost worker) is tried again.
    retries: int = Field(1, ge=0)


class FeasibilitySettings(Settings):
    """What failures teach: the probability that a formulation gives a result at all weighs the acquisition."""

    enabled: bool = True
    #: Probability of a result far from everything tried.
    prior: float = Field(0.95, gt=0.5, lt=1)


class CampaignSettings(Settings):
    """Everything a campaign file says."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: int = Field(0, ge=0)
    data: tuple[str, ...] = Field(("literature",), min_length=1)
    species: tuple[SpeciesDefinition, ...] = ()
    space: SpaceSettings
    surrogate: SurrogateSettings = SurrogateSettings()
    #: The ensemble is retrained every so many rounds; in between its posterior is conditioned on the new results.
    refit_every: int = Field(5, ge=1)
    acquisition: AcquisitionSettings = AcquisitionSettings()
    #: What is wanted of a liquid, where it is more than conductivity.
    objectives: tuple[ObjectiveSettings, ...] = ()
    oracle: OracleSettings = OracleSettings()
    #: Several oracles by name, instead of ``oracle``; which of them answers is part of each decision.
    oracles: dict[OracleName, OracleSettings] = Field(default_factory=dict)
    #: What an hour of an oracle is worth, in the unit of the oracles' money.
    hour_price: float = Field(1.0, gt=0)
    execution: ExecutionSettings = ExecutionSettings()
    lab: LabSettings = LabSettings()
    feasibility: FeasibilitySettings = FeasibilitySettings()
    budget: Budget = Budget()
    #: Rules beside the budget; the campaign ends (or pauses) when any of them holds.
    stop: tuple[StopRule, ...] = ()
    approval: Literal["auto", "manual"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _two_rounds_unless_told(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("budget") is None and not values.get("stop"):
            return {**values, "budget": {"rounds": 2}}
        return values

    @model_validator(mode="after")
    def _comes_to_an_end(self) -> CampaignSettings:
        if not any(rule.then == "stop" for rule in (*self.budget.rules(), *self.stop)):
            raise ValueError("nothing would ever end this campaign; set budget.rounds, or a rule under 'stop:'")
        return self

    @model_validator(mode="after")
    def _kind_suits_objectives(self) -> CampaignSettings:
        check_objectives(self.acquisition, self.objectives)
        return self

    @model_validator(mode="after")
    def _oracles_can_be_compared(self) -> CampaignSettings:
        check_oracles(self.oracle, self.oracles, has_objectives=bool(self.objectives))
        return self

    def named_oracles(self) -> dict[str, OracleSettings]:
        """Each oracle by its name; a single one is called ``oracle``."""
        return self.oracles or {"oracle": self.oracle}

    @property
    def has_lab(self) -> bool:
        """Whether people answer for some candidates."""
        return any(oracle.kind == "lab" for oracle in self.named_oracles().values())

    def species_book(self) -> SpeciesBook:
        """The built-in species and the campaign's own."""
        book = SpeciesBook.builtin()
        return book.with_species(self.species) if self.species else book


#: Sections that decide nothing: taken from the file whenever it is read, and not recorded when they change.
UNRECORDED = ("execution", "lab")
#: Sections of the file that may be edited in a started campaign: recorded as events, save ``UNRECORDED``. A changed
#: ``space`` needs a person's word as well (``run --accept-space``).
FREE_ON_RESUME = frozenset({"budget", "stop", "space", *UNRECORDED})


def load_campaign_file(path: Path) -> CampaignSettings:
    """Read and check a campaign file.

    Raises:
        CampaignFileError: names the file, the line, the value and the remedy for every mistake found.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CampaignFileError(
            f"There is no campaign file {path}. 'campaigns/demo.yaml' is one to copy from."
        ) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise CampaignFileError(f"{path} is not a text file; a campaign file is YAML.") from None
    return read_settings(path, text)


def read_settings(path: Path, text: str) -> CampaignSettings:
    """Check the text of the campaign file ``path``, which need not be there yet.

    Raises:
        CampaignFileError: as ``load_campaign_file``.
    """
    try:
        values = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        slips = list(_slips(tree)) if tree else []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise CampaignFileError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', error)}.") from None
    except (ValueError, RecursionError) as error:  # a date that is none, thousands of brackets
        raise CampaignFileError(f"{path}: not valid YAML: {error}.") from None
    if not isinstance(values, dict):
        raise CampaignFileError(f"{path} is empty or holds no settings; see 'campaigns/demo.yaml' for one that works.")
    if slips:
        raise CampaignFileError("\n".join(f"{path}, {slip}" for slip in slips))
    values.setdefault("name", path.stem)
    try:
        settings = CampaignSettings.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem, tree) for problem in error.errors()]
        raise CampaignFileError("\n".join(f"{path}, {problem}" for problem in problems)) from None
    _check_species(settings, path, tree)
    return settings


def _slips(node: yaml.Node) -> Iterator[str]:
    """What YAML allows and nobody means: a key twice, of which the last would count, and numbers without an end."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in first:
                yield f"line {line}: '{key.value}' is there already, in line {first[key.value]}; put both into one"
            first.setdefault(key.value, line)
            yield from _slips(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _slips(value)
    elif node.tag == "tag:yaml.org,2002:float" and not math.isfinite(float(yaml.safe_load(node.value))):
        yield f"line {node.start_mark.line + 1}: {node.value} is no number to go by; leave the setting out for no limit"


def _explain(problem: Any, tree: yaml.Node) -> str:
    location = tuple(
        part
        for part in problem["loc"]
        if not (isinstance(part, str) and (part.startswith("function-") or part in BRANCHES))
    )
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(location[-1]), _field_names(location[:-1]), n=1)
        message = "there is no such setting" + (f"; did you mean '{close[0]}'?" if close else "")
    elif problem["type"] == "missing":
        message = "is missing; add it"
    elif not isinstance(problem["input"], dict | list | tuple):
        message += f" (it is {problem['input']!r})"
    return f"line {_line_of(tree, location)}: {'.'.join(map(str, location)) or 'file'}: {message}"


def _field_names(location: tuple[Any, ...]) -> list[str]:
    model: Any = CampaignSettings
    for part in location:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return list(getattr(model, "model_fields", {}))


def _line_of(node: yaml.Node, location: tuple[Any, ...]) -> int:
    line = node.start_mark.line + 1
    for part in location:
        child = None
        if isinstance(node, yaml.MappingNode):
            child = next(((key, value) for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = (node.value[part], node.value[part])
        if child is None:
            break
        line, node = child[0].start_mark.line + 1, child[1]
    return line


def _check_species(settings: CampaignSettings, path: Path, tree: yaml.Node) -> None:
    """Every species named in the file exists."""
    problems = []

    def check(look_up: Any, name: str, *location: Any) -> None:
        try:
            look_up(name)
        except SaltloopError as error:
            problems.append(f"{path}, line {_line_of(tree, location)}: {'.'.join(map(str, location))}: {error}")

    try:
        book = settings.species_book()
    except SaltloopError as error:
        raise CampaignFileError(f"{path}, line {_line_of(tree, ('species',))}: species: {error}") from None
    look_ups = {"salt": book.salt, "solvent": book.solvent, "either": book.find}
    for kind, name, location in settings.space.named_species():
        check(look_ups[kind], name, "space", *location)
    if problems:
        raise CampaignFileError("\n".join(problems))


def changed_settings(recorded: dict[str, Any], now: dict[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Dotted names of settings that differ, with the recorded and the present value."""
    differences: dict[str, tuple[Any, Any]] = {}
    for key in sorted(recorded.keys() | now.keys()):
        old, new = recorded.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            differences |= changed_settings(old, new, f"{prefix}{key}.")
        elif old != new:
            differences[f"{prefix}{key}"] = (old, new)
    return differences
