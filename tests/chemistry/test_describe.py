from __future__ import annotations

from pathlib import Path

import pytest
from saltloop.chemistry import DataError, Dataset, Formulation, Measurement, RowNote, load_literature
from saltloop.chemistry.describe import summary_text
from saltloop.chemistry.describe_plot import plot_coverage


def measured(text: str, value: float, unit: str = "mS/cm", quantity: str = "conductivity") -> Measurement:
    return Measurement(
        formulation=Formulation.parse(text),
        value=value,
        unit=unit,
        quantity=quantity,
        standard_uncertainty=0.1,
        source="experiment",
        reference="10.1/a",
    )


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        name="three",
        measurements=(
            measured("1 mol/kg LiPF6 in EC:EMC 3:7 at 280 K", 5.0),
            measured("1 mol/kg LiPF6 in AN at 300 K", 4.5, "S/m"),
            measured("2 mol/kg LiTFSI in DME at 320 K", 12.0),
        ),
        notes=(RowNote(row=7, action="dropped", reason="no conductivity"),),
    )


def test_a_summary_counts_by_salt_solvent_and_reference(dataset: Dataset) -> None:
    summary = dataset.summary()
    assert summary["n_measurements"] == 3
    assert summary["by_salt"] == {"LiPF6": 2, "LiTFSI": 1}
    assert summary["by_solvent"] == {"EC": 1, "EMC": 1, "AN": 1, "DME": 1}
    assert summary["by_reference"] == {"10.1/a": 3}


def test_a_summary_has_ranges_and_the_long_tail_in_one_unit(dataset: Dataset) -> None:
    summary = dataset.summary()
    assert summary["temperature_K"] == {"min": 280.0, "max": 320.0}
    assert summary["molality_mol_kg"] == {"min": 1.0, "max": 2.0}
    conductivity = summary["conductivity_mS_cm"]
    assert (conductivity["min"], conductivity["max"]) == (5.0, pytest.approx(45.0))
    assert conductivity["quantiles"]["50%"] == pytest.approx(12.0)
    assert conductivity["above"] == {"10": 2, "15": 1, "20": 1}


def test_the_text_says_what_the_summary_says(dataset: Dataset) -> None:
    text = summary_text(dataset.summary())
    assert "three: 3 measurements of 3 formulations" in text
    assert "above 15 mS/cm: 1 (33.33%)" in text
    assert "dropped: no conductivity" in text


def test_an_empty_data_set_is_said_to_be_empty() -> None:
    with pytest.raises(DataError, match="'nothing' has no measurements"):
        Dataset(name="nothing", measurements=()).summary()


def test_other_quantities_are_counted_but_are_no_conductivity() -> None:
    dataset = Dataset(name="densities", measurements=(measured("EC at 313 K", 1.32, "g/cm3", "density"),))
    assert dataset.summary()["conductivity_mS_cm"] is None
    assert "conductivity, mS/cm" not in summary_text(dataset.summary())
    with pytest.raises(DataError, match="no conductivity to plot"):
        plot_coverage(dataset, Path("never.png"))


@pytest.mark.parametrize("value", [0.0, 1e-5])
def test_conductivities_too_small_to_draw_are_said_to_be_so(value: float, tmp_path: Path) -> None:
    dataset = Dataset(name="small", measurements=(measured("EC at 313 K", value, "mS/cm", "conductivity"),))
    with pytest.raises(DataError, match=r"'small' are below 0\.001 mS/cm, .* check their unit"):
        plot_coverage(dataset, tmp_path / "coverage.png")


@pytest.mark.parametrize("n", [1, 3])
def test_the_plots_are_a_picture_of_readable_size(dataset: Dataset, tmp_path: Path, n: int) -> None:
    from matplotlib.image import imread

    few = dataset.model_copy(update={"measurements": dataset.measurements[:n]})
    picture = imread(plot_coverage(few, tmp_path / "new" / "coverage.png"))
    assert picture.shape[1] > 1200
    assert picture[..., :3].std() > 0.05
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["coverage.png"]


def test_the_literature_set_plots(tmp_path: Path) -> None:
    assert plot_coverage(load_literature(), tmp_path / "literature.png").stat().st_size > 20_000
