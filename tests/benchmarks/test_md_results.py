"""Processes that share the work of a benchmark: one has a job's folder, and none loses another's row."""

from concurrent.futures import ThreadPoolExecutor

from md_results import held, read_rows, remember


def test_a_folder_is_held_by_one(tmp_path):
    folder = tmp_path / "job"
    with held(folder, waits=False) as first, held(folder, waits=False) as second:
        assert first
        assert not second
    with held(folder, waits=False) as again:
        assert again
    assert list(folder.iterdir()) == []


def test_rows_that_are_remembered_at_once_are_all_there(tmp_path):
    path = tmp_path / "results" / "rows.csv"
    names = [f"liquid {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: remember({"liquid": name, "value": name[-1]}, path), names))
    assert sorted(row["liquid"] for row in read_rows(path)) == sorted(names)
