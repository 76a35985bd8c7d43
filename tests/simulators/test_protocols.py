"""Named protocols and overrides."""

import pytest
from saltloop.simulators.md.protocols import PROTOCOLS, ProtocolError, resolve_protocol


def test_named_protocols_grow_in_length_and_size():
    demo, quick, standard, production = (PROTOCOLS[name] for name in ("demo", "quick", "standard", "production"))
    assert demo.length_ps < quick.length_ps < standard.length_ps < production.length_ps
    assert standard.produce.duration_ps >= 5000
    assert production.box.target_atoms > demo.box.target_atoms
    assert resolve_protocol("demo") is demo
    assert resolve_protocol({"base": "demo"}) is demo


def test_any_inner_setting_can_be_overridden():
    changed = resolve_protocol({"base": "quick", "produce": {"duration_ps": 50}, "force_field": {"cutoff_nm": 0.8}})
    assert changed.produce.duration_ps == 50
    assert changed.produce.timestep_fs == PROTOCOLS["quick"].produce.timestep_fs
    assert changed.force_field.cutoff_nm == 0.8
    assert changed.equilibrate_npt == PROTOCOLS["quick"].equilibrate_npt
    assert changed.name == "quick, modified"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("qick", "choose one of demo, quick"),
        ({"base": "fast"}, "'fast' is unknown"),
        ({"produse": {}}, "produse"),
        ({"produce": {"timestep_fs": 20}}, "timestep_fs"),
        ({"produce": {"duration_ps": 1}}, "fewer than 20 frames"),
        ({"analysis": {"fit_start_fraction": 0.5, "fit_end_fraction": 0.4}}, "fit_end_fraction"),
    ],
)
def test_wrong_protocols_are_refused_with_words(spec, words):
    with pytest.raises(ProtocolError, match=words):
        resolve_protocol(spec)


def test_protocols_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        PROTOCOLS["demo"].frame_ps = 3.0


def test_a_density_is_simulated_or_given():
    given = resolve_protocol({"base": "demo", "density": "given", "density_g_cm3": 1.2})
    assert given.length_ps < PROTOCOLS["demo"].length_ps
    with pytest.raises(ProtocolError, match="density_g_cm3"):
        resolve_protocol({"base": "demo", "density_g_cm3": 1.2})
