"""Molecular dynamics in seconds: a box of about 200 atoms, for tests of everything but the numbers."""

TINY = {
    "base": "demo",
    "box": {"target_atoms": 190, "min_ion_pairs": 2},
    "force_field": {"cutoff_nm": 0.5},
    "soften": {"duration_ps": 0.1},
    "equilibrate_nvt": {"duration_ps": 0.5},
    "equilibrate_npt": {"duration_ps": 4.0, "sample_ps": 0.1, "converge": None},
    "settle": {"duration_ps": 0.2},
    "produce": {"duration_ps": 4.0},
    "frame_ps": 0.1,
    "checkpoint_ps": 0.5,
    "minimise": {"max_iterations": 100},
}
