"""Failures start a replica again, more gently and not too often; a lost device goes on from the checkpoint."""

import json
from types import SimpleNamespace

import pytest
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md import attempts as attempts_module
from saltloop.simulators.md.attempts import Attempts
from saltloop.simulators.md.control_settings import Retry
from saltloop.simulators.md.platforms import ChosenPlatform

GPU, CPU = ChosenPlatform("CUDA", {}, "CUDA on a GPU"), ChosenPlatform("CPU", {}, "CPU, 1 thread")


class FakeSimulation:
    """Fails as it is told, the first of ``failures`` first; then succeeds."""

    def __init__(self, folder, failures, n_failed, gentleness, platform):
        self.folder, self.failures = folder, failures
        self.n_failed, self.gentleness, self.platform = n_failed, gentleness, platform
        self.notes, self.stage_words = [], "production"
        self.store = SimpleNamespace(elapsed_s=2.0)

    def run(self, production_ps):
        self.folder.mkdir(exist_ok=True)
        (self.folder / "checkpoint.json").write_text("{}")
        if self.failures:
            raise self.failures.pop(0)

    def trajectory(self):
        return "trajectory"


@pytest.fixture
def attempts(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts_module, "check_homogeneous", lambda trajectory: ())
    monkeypatch.setattr(attempts_module, "check_liquid", lambda trajectory: ("hardly moved",))

    def made(*failures, fallback=None, **retry):
        remaining, made = list(failures), []

        def make(*settings):
            made.append(FakeSimulation(tmp_path / "md", remaining, *settings))
            return made[-1]

        found = Attempts(tmp_path / "md", make, Retry(**retry), GPU, fallback)
        return found, made

    return made


def failure(kind="blow_up", is_retryable=True):
    return SimulationFailureError(kind, f"a {kind}", is_retryable=is_retryable)


def test_each_attempt_is_gentler_and_is_recorded(attempts, tmp_path):
    one, made = attempts(failure(), failure("temperature"))
    assert one.run(100) == "trajectory"
    assert [simulation.gentleness.level for simulation in made] == [0, 1, 2]
    assert [entry["kind"] for entry in one.failed] == ["blow_up", "temperature"]
    assert [entry["stage"] for entry in one.failed] == ["production"] * 2
    assert json.loads((tmp_path / "md.failed-2" / "failure.json").read_text()) == one.failed[1]
    assert one.wall_s == 6.0
    assert sum("attempt failed" in note for note in one.simulation.notes) == 2
    assert one.warnings == ("hardly moved",)


def test_after_the_last_attempt_it_is_a_failure_and_another_run_starts_nothing(attempts):
    one, _ = attempts(failure(), failure(), max_attempts=2)
    with pytest.raises(SimulationFailureError, match="attempt 2 of 2") as caught:
        one.run(100)
    assert not caught.value.is_retryable
    again, made = attempts(max_attempts=2)
    with pytest.raises(SimulationFailureError, match="attempt 2 of 2"):
        again.run(100)
    assert made == []


def test_what_no_other_start_can_cure_is_not_tried_again(attempts):
    one, made = attempts(failure("absurd_density", is_retryable=False))
    with pytest.raises(SimulationFailureError, match="a absurd_density"):
        one.run(100)
    assert len(made) == 1


def test_a_damaged_checkpoint_starts_afresh_but_not_more_gently(attempts):
    one, made = attempts(failure("damaged_checkpoint"))
    one.run(100)
    assert [simulation.gentleness.level for simulation in made] == [0, 0]


def test_the_next_session_remembers_earlier_attempts(attempts, tmp_path):
    one, _ = attempts(failure())
    one.run(100)
    again, made = attempts()
    again.run(100)
    assert made[0].gentleness.level == 1
    assert made[0].n_failed == 1


def test_a_foreign_checkpoint_is_left_where_it_is(attempts, tmp_path):
    one, _ = attempts(failure("foreign_checkpoint", is_retryable=False))
    with pytest.raises(SimulationFailureError, match="foreign"):
        one.run(100)
    assert (tmp_path / "md" / "checkpoint.json").exists()


def test_a_lost_device_goes_on_from_the_checkpoint_on_the_same_platform(attempts, tmp_path):
    one, made = attempts(failure("device_lost"), failure("device_lost"))
    one.run(100)
    assert one.failed == []
    assert {simulation.platform.name for simulation in made} == {"CUDA"}
    assert (tmp_path / "md" / "checkpoint.json").exists()
    assert sum("went on from the last checkpoint" in note for note in one.simulation.notes) == 1


def test_a_device_that_stays_lost_is_a_failure_that_keeps_the_checkpoint(attempts, tmp_path):
    one, _ = attempts(*[failure("device_lost")] * 3, max_platform_losses=2)
    with pytest.raises(SimulationFailureError, match="device_lost") as caught:
        one.run(100)
    assert caught.value.is_retryable
    assert (tmp_path / "md" / "checkpoint.json").exists()


def test_the_processor_is_taken_only_where_that_is_allowed_and_it_is_said(attempts):
    one, made = attempts(*[failure("device_lost")] * 2, max_platform_losses=1, fallback=lambda: CPU)
    one.run(100)
    assert made[-1].platform is CPU
    assert one.platform is CPU
    assert any("on CPU, 1 thread" in note for note in one.simulation.notes)
