"""Replays: starts, batches, determinism, and going on after an interruption."""

import json
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from saltloop.chemistry import Formulation, SpeciesBook
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.backtest.backtest import replay, start_points
from saltloop.loop.backtest.listed import ListedPool
from saltloop.loop.backtest.pool import Pool
from saltloop.loop.backtest.report import trace_table, write_traces
from saltloop.loop.backtest.run import Plan, read_finished, run_seeds
from saltloop.loop.backtest.strategies import CampaignStrategy, RandomStrategy, outside
from saltloop.loop.errors import BacktestError
from saltloop.loop.workers import WorkerDiedError
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.settings import SurrogateSettings

BOOK = SpeciesBook.builtin()


def liquids():
    for salt in ("LiPF6", "LiBF4"):
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            for molality in (0.5, 0.8, 1.1, 1.4):
                yield Formulation.create({salt: molality}, {"EC": share, "DMC": 1 - share})


@pytest.fixture(scope="module")
def pool():
    formulations = tuple(liquids())
    values = [10 * m * np.exp(-m) + f.mole_fractions["DMC"] for f in formulations for m in [sum(f.molality.values())]]
    return Pool(formulations, np.array(values), np.full(len(values), 0.05))


@dataclass(frozen=True)
class Greedy:
    """Knows the answer; whatever it is told, it takes the best that is left."""

    values: tuple[float, ...]
    stop_after: int = 10**6

    def choose(self, formulations, measured, *, n, seed):
        if len(measured) > self.stop_after:
            raise KeyboardInterrupt
        return [int(i) for i in np.argsort(self.values)[::-1] if i not in measured][:n]


@dataclass(frozen=True)
class Fixed:
    choice: tuple[int, ...]

    def choose(self, formulations, measured, *, n, seed):
        return list(self.choice)


@pytest.fixture
def plan(pool):
    return Plan(pool, RandomStrategy(), "random", 5, 4, 12)


def test_random_starts_differ_by_seed_and_are_reproduced(pool):
    one, again, other = (start_points(pool, "random", 8, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert len(set(one)) == 8


def test_a_start_from_the_bottom_knows_nothing_above_the_median(pool):
    for seed in range(10):
        start = start_points(pool, "bottom", 8, seed)
        assert len(set(start)) == 8
        assert pool.values[start].max() <= np.median(pool.values)


def test_more_start_points_than_liquids_are_refused(pool):
    with pytest.raises(BacktestError, match="bottom half has 20 liquids"):
        start_points(pool, "bottom", 21, 0)


def test_a_replay_measures_the_start_and_then_in_batches(pool):
    sizes = []
    trace = replay(
        pool,
        Greedy(tuple(pool.values)),
        start=[0, 1],
        batch_size=4,
        n_queries=10,
        seed=0,
        after_round=lambda t: sizes.append(t.n_queries),
    )
    assert sizes == [4, 8, 10]
    assert trace.order[:2] == (0, 1)
    assert trace.order[2] == pool.values.argmax()
    assert len(trace.seconds) == 3


def test_a_replay_ends_with_the_pool(pool):
    trace = replay(pool, RandomStrategy(), start=[0, 1], batch_size=7, n_queries=1000, seed=0)
    assert sorted(trace.order) == list(range(len(pool)))


@pytest.mark.parametrize("choice", [(0, 5), (5, 5), (5,), (5, 400)])
def test_a_wrong_choice_is_an_error(pool, choice):
    with pytest.raises(BacktestError, match="2 new liquids"):
        replay(pool, Fixed(choice), start=[0], batch_size=2, n_queries=2, seed=0)


def test_the_strategy_sees_no_value_that_it_did_not_ask_for(pool):
    seen = {}

    class Spy:
        def choose(self, formulations, measured, *, n, seed):
            assert not hasattr(formulations, "values")
            seen.update(measured)
            return [i for i in range(len(formulations)) if i not in measured][:n]

    trace = replay(pool, Spy(), start=[3, 4], batch_size=2, n_queries=4, seed=0)
    assert set(seen) == set(trace.order[:-2])
    assert [m.value for m in seen.values()] == pytest.approx(pool.values[list(seen)])


def test_seeds_are_reproduced_and_differ(plan, tmp_path):
    one = run_seeds(plan, [0, 1], tmp_path / "a", about={})
    other = run_seeds(plan, [0, 1], tmp_path / "b", about={})
    assert [t.order for t in one] == [t.order for t in other]
    assert one[0].order != one[1].order


def test_an_interrupted_backtest_goes_on_where_it_was(pool, tmp_path):
    values = tuple(pool.values)
    whole = run_seeds(Plan(pool, Greedy(values), "random", 5, 4, 12), [0, 1], tmp_path / "whole", about={})
    with pytest.raises(KeyboardInterrupt):
        run_seeds(Plan(pool, Greedy(values, stop_after=9), "random", 5, 4, 12), [0, 1], tmp_path / "cut", about={})
    assert len(json.loads((tmp_path / "cut" / "0.json").read_text())["order"]) == 13
    seen = []
    again = run_seeds(
        Plan(pool, Greedy(values), "random", 5, 4, 12),
        [0, 1],
        tmp_path / "cut",
        about={},
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [t.order for t in again] == [t.order for t in whole]
    assert seen[0] == (8, 24)
    assert seen[-1] == (24, 24)


def test_finished_seeds_are_not_run_again_and_may_be_prolonged(pool, plan, tmp_path):
    first = run_seeds(plan, [0], tmp_path, about={})
    broken = Plan(pool, Fixed(()), "random", 5, 4, 12)
    assert run_seeds(broken, [0], tmp_path, about={}) == first
    longer = run_seeds(Plan(pool, RandomStrategy(), "random", 5, 4, 16), [0], tmp_path, about={})
    assert longer[0].order[:17] == first[0].order
    assert [t.n_queries for t in read_finished(tmp_path, 16)] == [16]
    assert read_finished(tmp_path, 20) == []


def test_a_folder_of_another_backtest_is_refused(plan, tmp_path):
    run_seeds(plan, [0], tmp_path, about={"strategy": "random"})
    with pytest.raises(BacktestError, match=r"another backtest \(it differs in strategy\)"):
        run_seeds(plan, [0], tmp_path, about={"strategy": "else"})


def test_a_damaged_trace_is_named(plan, tmp_path):
    run_seeds(plan, [0], tmp_path, about={})
    (tmp_path / "0.json").write_text("{}")
    with pytest.raises(BacktestError, match=r"0\.json is not a trace"):
        run_seeds(plan, [0], tmp_path, about={})


def test_processes_give_the_same_traces(plan, tmp_path):
    alone = run_seeds(plan, [0, 1], tmp_path / "alone", about={})
    together = run_seeds(plan, [0, 1], tmp_path / "together", about={}, workers=2)
    assert [t.order for t in together] == [t.order for t in alone]


def test_a_seed_that_fails_in_a_process_says_why(pool, tmp_path):
    with pytest.raises(BacktestError, match=r"Seed 0 failed: .*asked for 4 new liquids"):
        run_seeds(Plan(pool, Fixed((0,)), "random", 5, 4, 12), [0], tmp_path, about={}, workers=2)


def test_a_seed_that_fails_between_two_looks_says_why(pool, tmp_path, monkeypatch):
    class AtOnce:
        def __init__(self, workers):
            pass

        def submit(self, fn, *args):
            future = Future()
            future.set_exception(WorkerDiedError("killed"))
            return future

        def shutdown(self, **how):
            pass

    monkeypatch.setattr("saltloop.loop.backtest.run.WorkerProcesses", AtOnce)
    with pytest.raises(BacktestError, match="Seed 0 failed: killed"):
        run_seeds(Plan(pool, RandomStrategy(), "random", 5, 4, 12), [0, 1], tmp_path, about={}, workers=2)


def test_a_damaged_note_is_named(plan, tmp_path):
    run_seeds(plan, [0], tmp_path, about={})
    (tmp_path / "backtest.json").write_text('{"start": "ran')
    with pytest.raises(BacktestError, match=r"backtest\.json cannot be read"):
        run_seeds(plan, [0], tmp_path, about={})


def test_the_table_of_traces_can_be_read_back(pool, plan, tmp_path):
    import pandas

    traces = run_seeds(plan, [0, 1], tmp_path, about={})
    write_traces(pool, traces, tmp_path / "traces.parquet")
    table = pandas.read_parquet(tmp_path / "traces.parquet")
    pandas.testing.assert_frame_equal(table, trace_table(pool, traces), check_dtype=False)
    assert len(table) == 2 * 17
    assert table["query"].min() == -4
    first = table[table["seed"] == 0]
    assert first["best_mS_cm"].iloc[-1] == pytest.approx(pool.values[list(traces[0].order)].max())
    with pytest.raises(BacktestError, match=r"not as 'traces\.txt'"):
        write_traces(pool, traces, tmp_path / "traces.txt")


def test_a_listed_pool_gives_back_what_is_listed(pool):
    listed = ListedPool(pool.formulations)
    encoder = FormulationEncoder(BOOK, ["LiPF6", "LiBF4"], ["EC", "DMC"])
    rows = np.concatenate(list(listed.stream(encoder, chunk=7)))
    assert listed.is_listed
    assert len(listed) == len(rows) == len(pool)
    found = [listed.as_weighed(torch.from_numpy(row), encoder) for row in rows]
    assert found == list(pool.formulations)
    assert listed.position(found[5]) == 5
    assert listed.neighbours(found[0]) == []
    assert listed.contains(found[0])
    assert not listed.contains(Formulation.create({"LiPF6": 0.3}, {"EC": 1.0}))


def small_campaign(**more):
    surrogate = SurrogateSettings(n_members=2, hidden=8, token=4, n_routes=2, epochs=3)
    return CampaignStrategy(surrogate, AcquisitionSettings(**{"mc_samples": 16, "shortlist": 16, **more}), BOOK)


@pytest.mark.parametrize("kind", ["qlognei", "qucb", "thompson", "uncertainty", "uniform"])
def test_the_campaign_chooses_from_the_pool_and_repeats_itself(pool, kind):
    strategy = small_campaign(kind=kind)
    measured = {i: pool.measure(i) for i in start_points(pool, "random", 12, 0)}
    chosen = strategy.choose(pool.formulations, measured, n=3, seed=5)
    assert len(set(chosen)) == 3
    assert not set(chosen) & set(measured)
    assert strategy.choose(pool.formulations, measured, n=3, seed=5) == chosen


def test_start_data_of_liquids_in_the_pool_are_left_out(pool):
    def row(molality, share, T=298.15, quantity="conductivity", unit="mS/cm"):
        liquid = Formulation.create({"LiPF6": molality}, {"EC": share, "DMC": 1 - share}, temperature_K=T)
        return Measurement(
            formulation=liquid, quantity=quantity, value=1.0, unit=unit, standard_uncertainty=0.1, source="experiment"
        )

    rows = [
        row(0.5, 0.1),
        row(0.52, 0.1, 340.0),
        row(0.65, 0.1),
        row(0.5, 0.2),
        row(0.3, 0.1, quantity="density", unit="g/cm3"),
    ]
    assert outside(rows, pool.formulations, BOOK) == (rows[2], rows[3])
    assert outside([], pool.formulations, BOOK) == ()
