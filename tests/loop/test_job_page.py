"""A candidate's page holds the plots that its jobs left."""

from types import SimpleNamespace

from saltloop.loop.reports import job_page


def test_a_page_shows_the_story_and_the_plots_of_all_jobs(tmp_path, monkeypatch):
    monkeypatch.setattr(job_page, "candidate_story", lambda *_: "c1  liquid\n  result  9.5 mS/cm")
    for job in ("j1", "j2"):
        (tmp_path / "jobs" / job).mkdir(parents=True)
        (tmp_path / "jobs" / job / "msd.png").write_bytes(b"\x89PNG picture")
    (tmp_path / "jobs" / "j1" / "msd.csv").write_text("lag_ps")
    jobs = [SimpleNamespace(job_key="j1"), SimpleNamespace(job_key="j2")]
    campaign = SimpleNamespace(folder=tmp_path, record=SimpleNamespace(jobs_of=lambda _: jobs))
    candidate = SimpleNamespace(candidate_id="c1", text="1 mol/kg LiPF6 in EC")
    assert job_page.write_job_page(campaign, candidate, tmp_path / "c1.html") == 2
    page = (tmp_path / "c1.html").read_text()
    assert page.count("<figure>") == 2
    assert "Mean square displacements" in page
    assert "result  9.5 mS/cm" in page
