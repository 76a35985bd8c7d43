"""When production ends, and how far it goes on."""

import pytest
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md.protocols import ProtocolError, resolve_protocol
from saltloop.simulators.md.slowness import Motion
from saltloop.simulators.md.stopping import decide, read_decisions, write_decisions


def protocol(*, slow=None, **stop):
    settings = {"relative_error": 0.1, "min_ps": 100, "max_ps": 1000, **stop} if stop is not None else None
    return resolve_protocol({"base": "quick", "stop": settings, "slow": slow})


def ion(displacement_nm=1.0, log_slope=1.0):
    return Motion("Li+", 1, displacement_nm**2, 40.0, log_slope, 0.1, 10)


def decision(of, *, production_ps=100.0, error=0.3, ions=(), wall_s=100.0):
    return decide(
        of,
        production_ps=production_ps,
        simulated_ps=production_ps + 100,
        quantity="conductivity",
        value=10.0,
        standard_error=10.0 * error,
        ions=ions,
        wall_s=wall_s,
    )


def test_without_a_target_production_is_as_long_as_the_protocol_says():
    fixed = resolve_protocol({"base": "quick", "slow": None})
    assert decision(fixed, production_ps=500).next_ps is None


def test_it_ends_where_the_error_is_small_enough():
    found = decision(protocol(), error=0.1)
    assert found.next_ps is None
    assert "0.1 is not above 0.1" in found.why


def test_it_goes_on_as_far_as_the_error_needs_but_at_most_twice_as_far():
    assert decision(protocol(), error=0.12).next_ps == pytest.approx(140)  # 100 x 1.1 x 1.44, in whole pieces of 20 ps
    assert decision(protocol(), error=0.3).next_ps == 200


def test_it_ends_with_the_longest_production():
    assert decision(protocol(), production_ps=800, error=0.5).next_ps == 1000
    found = decision(protocol(), production_ps=1000, error=0.5)
    assert found.next_ps is None
    assert "1000 ps is used up" in found.why


def test_it_ends_within_the_wall_time():
    # 200 ps simulated in 100 s, 50 s left: 100 ps more
    assert decision(protocol(max_wall_s=150), error=0.9).next_ps == 200
    assert decision(protocol(max_wall_s=130), error=0.9).next_ps == 160
    found = decision(protocol(max_wall_s=105), error=0.9)
    assert found.next_ps is None
    assert "wall time of 105 s" in found.why


def test_a_value_of_zero_is_not_known_to_any_error():
    found = decide(
        protocol(),
        production_ps=100,
        simulated_ps=200,
        quantity="conductivity",
        value=0.0,
        standard_error=1.0,
        ions=(),
        wall_s=1,
    )
    assert found.next_ps == 200


def test_ions_in_their_cages_need_more_time_whatever_the_error():
    slow = {"hotter": False}
    found = decision(protocol(slow=slow), error=0.01, ions=[ion(0.19)])
    assert found.next_ps == 200
    assert found.slow == ("Li+ moved 0.19 nm in 40 ps, as t^1.00",)
    assert decision(protocol(slow=slow), error=0.01, ions=[ion(0.5, log_slope=0.3)]).slow
    assert not decision(protocol(slow=slow), error=0.01, ions=[ion()]).slow
    assert not decision(protocol(), error=0.01, ions=[ion(0.1)]).slow


def test_hopeless_liquids_are_not_sampled_to_the_end():
    found = decision(protocol(slow={"hotter": False}), error=0.01, ions=[ion(0.05)])
    assert found.next_ps is None
    assert "too slow" in found.why


def test_decisions_are_written_down(tmp_path):
    path = tmp_path / "md-decisions.json"
    assert read_decisions(path) == []
    taken = [decision(protocol(slow={}), ions=[ion(0.1)]), decision(protocol(), error=0.05)]
    write_decisions(path, taken)
    assert read_decisions(path) == taken
    path.write_text("[{]")
    with pytest.raises(SimulationFailureError, match="cannot be read"):
        read_decisions(path)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"stop": {"relative_error": 0.1, "min_ps": 200, "max_ps": 100}}, "min_ps of 200 is above max_ps"),
        ({"slow": {"factors": [1.1]}}, "at least two hotter"),
        ({"slow": {"factors": [0.9, 1.1]}}, "above 1"),
        ({"retry": {"max_attempts": 0}}, "max_attempts"),
    ],
)
def test_settings_that_make_no_sense_are_refused(spec, words):
    with pytest.raises(ProtocolError, match=words):
        resolve_protocol(spec)
