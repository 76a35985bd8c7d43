"""The shape of what the report and the dashboard show: plain JSON, typed.

Conductivities are in mS/cm, money in the unit of the campaign file, times in UTC (ISO 8601). A figure that is not known
is ``null``, never 0; ``why_not`` says why a picture has nothing to show. All texts are plain text, never markup.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict


class CandidateRow(TypedDict):
    """One proposed formulation. ``composition`` holds positions in ``View.species`` and amounts, flat: [0, 1.2, 5, 0.3,
    …], mol/kg of solvent of salts and mole fractions of solvents."""

    id: str
    text: str
    #: Counted from 1.
    batch: int
    status: str
    reason: str
    #: Name of the oracle that is asked, and whether that is people: ``oracle`` or ``lab``.
    oracle: str
    assigned_to: str
    #: What the model said when it proposed this.
    mean: float
    std: float
    #: What came back: positions in ``View.results``.
    results: list[int]
    composition: list[float]
    temperature_K: float
    is_replicate: bool


class ResultRow(TypedDict):
    """One conductivity as it was reported, in the order of arrival; those that do not count are there as well."""

    id: str
    #: Of its candidate; empty for a result that nobody asked for.
    candidate: str
    #: The liquid that was measured.
    text: str
    value: float
    std: float
    source: str
    method: str
    ts: str
    #: Whether it teaches: neither retracted nor a limit.
    counts: bool
    #: ``below`` or ``above`` where the value is a limit.
    limit: str | None
    retracted: str
    #: How the liquid differs from the one asked for.
    note: str
    #: Predicted mean and standard deviation (mS/cm) from before the value was known; None where there was none for
    #: this liquid. ``predicted_at`` says from when.
    mean: float | None
    pstd: float | None
    predicted_at: Literal["", "proposal", "arrival"]
    composition: list[float]
    temperature_K: float


class HeldRow(TypedDict):
    """A result in quarantine. ``decision`` is empty while it waits for a person."""

    id: str
    candidate: str
    text: str
    quantity: str
    value: float
    std: float
    unit: str
    source: str
    #: ``physical``, ``surprise`` or ``lab``.
    stage: str
    reason: str
    decision: str
    why_decided: str
    #: Whether ``release`` would be refused, because the value is not positive.
    is_unreleasable: bool


class JobRow(TypedDict):
    """One oracle call. ``fraction`` (0 to 1) and ``message`` are what a running job last said."""

    key: str
    candidate: str
    text: str
    oracle: str
    status: str
    attempt: int
    reason: str
    hours: float
    submitted: str
    fraction: float | None
    message: str


class Pool(TypedDict):
    """A set of measured values from which is drawn at random, and what that gives: expected best after 1, 2, … draws.

    ``low`` and ``high`` hold the middle 90 % of the random orders.
    """

    key: Literal["known", "measured"]
    #: What the draws are taken from, in a sentence.
    words: str
    n: int
    draws: list[int]
    expected: list[float]
    low: list[float]
    high: list[float]


class Best(TypedDict):
    """Best so far of one source: positions in ``View.results`` where it rose, and random draws beside it."""

    source: str
    n: int
    #: Number of the result (from 1, in this source's order) and best value from there on.
    steps: list[tuple[int, float]]
    best_result: int | None
    pools: list[Pool]
    #: Best value of the data sets at the campaign's temperatures and made of its species; None where there is none.
    best_known: float | None
    words: str
    why_not: str


class Coverage(TypedDict):
    """Share of results that central intervals of a nominal probability held; ``low``, ``high``: its 95 % interval."""

    nominal: float
    observed: float
    low: float
    high: float


class Calibration(TypedDict):
    """Predictions from before the measurement against results of one source.

    ``deviations[k]`` of result ``rows[k]`` is (reported - predicted) / root of both variances.
    """

    source: str
    n: int
    rows: list[int]
    deviations: list[float]
    coverage: list[Coverage]
    mean_absolute_error: float | None
    median_ratio: float | None
    words: str
    why_not: str


class Tail(TypedDict):
    """How the training set's conductivities were distributed before the campaign and are now."""

    #: Edges of the bins, one more than counts.
    edges: list[float]
    before: list[int]
    added: list[int]
    n_before: int
    n_added: int
    #: The data sets' 90 % quantile, and how many values lie above it before and now.
    edge_90: float | None
    above_before: int
    above_added: int
    #: Species -> number of training values that hold it, [before, added]; rarest in the data sets first.
    species: list[tuple[str, int, int]]
    words: str
    why_not: str


class MapAxis(TypedDict):
    """One axis of the map: ``offset`` + sum of ``weights`` x amounts + ``per_kelvin`` x temperature of a liquid."""

    label: str
    #: What a liquid has more, and less, of the further it lies along the axis.
    words: str
    #: Share of the space's variance along this axis.
    share: float
    #: Of the space's species, which come first in ``View.species``.
    weights: list[float]
    per_kelvin: float
    offset: float


class MapPoint(TypedDict):
    """A liquid on the map: composition as in ``CandidateRow``, temperature (K), conductivity (mS/cm) if it is known."""

    c: list[float]
    t: float
    v: float | None


class FormulationMap(TypedDict):
    """Two principal components of the space's compositions, and liquids around those of the campaign.

    ``space``: random formulations of the space; ``known``: liquids of the data sets that are made of its species.
    """

    axes: list[MapAxis]
    space: list[MapPoint]
    known: list[MapPoint]
    words: str
    why_not: str


class Costs(TypedDict):
    """What was spent. ``oracles`` is ``saltloop.loop.sources.worth.source_worth``."""

    calls: int
    oracle_hours: float
    money: float
    by_batch: list[dict[str, Any]]
    oracles: list[dict[str, Any]]
    budget: dict[str, Any]
    stop_rules: list[str]


class View(TypedDict):
    """Everything the page shows but the stories of its candidates (``CandidateStory``)."""

    version: Literal[1]
    name: str
    #: Length of the record; another number means that something happened.
    n_events: int
    #: When the last event was recorded.
    last_event: str
    started: str
    state: str
    is_closed: bool
    is_paused: bool
    #: Why it waits for a person to resume it; empty when it does not.
    hold_reason: str
    approval: str
    #: What was found wrong while reading, and what everybody should know of the values.
    messages: list[str]
    requests_waiting: int
    rounds: int
    #: In their order in compositions: salts and solvents of the space, then others that came in; and what each is.
    species: list[str]
    is_salt: list[bool]
    candidates: list[CandidateRow]
    results: list[ResultRow]
    quarantine: list[HeldRow]
    jobs: list[JobRow]
    best: list[Best]
    calibration: list[Calibration]
    tail: Tail
    map: FormulationMap
    costs: Costs


class Plot(TypedDict):
    """A plot of a job: curves to draw, or a picture that the oracle left (``png``, base64).

    Each of ``series`` has a ``label``, ``x`` and ``y``; where it is on record ``error`` (of y), and ``fitted``, the
    range of x that was fitted. ``is_points``: not joined.
    """

    name: str
    title: str
    #: What it shows, and what to look for.
    words: str
    x_label: str
    y_label: str
    is_log_x: bool
    is_log_y: bool
    series: list[dict[str, Any]]
    png: str


class JobStory(TypedDict):
    """One job with the end of its log and its plots."""

    key: str
    oracle: str
    status: str
    attempt: int
    reason: str
    hours: float
    warnings: list[str]
    log: str
    log_is_cut: bool
    plots: list[Plot]


class CandidateStory(TypedDict):
    """One candidate: why it was chosen, what was predicted, who answered, what came back, what it changed."""

    id: str
    text: str
    formulation_id: str
    status: str
    reason: str
    batch: int
    chosen: str
    predicted: dict[str, float]
    #: Pairs of a word and a sentence: replicate, objective, source, unfamiliar, feasible.
    why: list[tuple[str, str]]
    nearest_known: list[dict[str, Any]]
    passed_over: list[dict[str, Any]]
    notes: list[str]
    jobs: list[JobStory]
    #: Each result in words, with the quantities beside conductivity and what the lab wrote.
    results: list[dict[str, Any]]
    quarantined: list[dict[str, Any]]
    #: Prediction for this liquid after its results were learned; None before.
    afterwards: dict[str, float] | None
    changed: list[str]
    #: What happened when and by whom, oldest first.
    timeline: list[dict[str, str]]
