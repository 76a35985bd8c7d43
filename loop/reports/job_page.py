"""One candidate as a page: its story, and the plots that its jobs left in their folders."""

from __future__ import annotations

from pathlib import Path

from saltloop.loop.campaign import Campaign
from saltloop.loop.record_items import Candidate
from saltloop.loop.reports.html_page import Page
from saltloop.loop.reports.story import candidate_story, job_plots

CAPTIONS = {
    "msd": "Mean square displacements; the thick part is fitted.",
    "conductivity": "Running conductivity from lags t to 2t, and the values reported.",
    "rdf": "Radial distributions around lithium by kind of donor; dots are the coordination numbers reported.",
    "density": "Density at constant pressure; the thick line is the mean reported.",
}


def write_job_page(campaign: Campaign, candidate: Candidate, path: Path) -> int:
    """Write the page; returns how many plots are in it (0: no job has left any yet)."""
    page = Page(candidate.text, f"Candidate {candidate.candidate_id} of {campaign.folder.name}")
    for line in candidate_story(campaign, candidate).splitlines()[1:]:
        page.text(line.strip())
    n_plots = 0
    for job in campaign.record.jobs_of(candidate.candidate_id):
        plots = job_plots(campaign, job)
        if plots:
            page.heading(f"Job {job.job_key}")
        for plot in plots:
            caption = CAPTIONS.get(plot.stem, plot.name)
            page.picture(plot.read_bytes(), description=caption, caption=caption)
        n_plots += len(plots)
    page.write(path)
    return n_plots
