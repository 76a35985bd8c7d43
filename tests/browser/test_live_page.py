"""The live page in a real browser: what arrives is shown, what a person decides is recorded with a name."""

import pytest
from saltloop.loop.campaign import Campaign


@pytest.fixture
def live(tab, served, token):
    """The live page, opened with its token, and the campaign's folder."""
    address, folder = served
    page = tab(f"{address}#token={token}")
    page.locator(".connection", has_text="connected").wait_for()
    return page, folder


def give_name(page, name="Ana"):
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your name").blur()


def last_event(folder):
    return Campaign.read(folder).events[-1]


def proposed(folder):
    return next(c for c in Campaign.read(folder).record.candidates.values() if c.status == "candidate")


def test_the_token_leaves_the_address(live):
    page, _ = live
    assert "token" not in page.url


def test_without_the_token_it_is_asked_for(tab, served, token):
    page = tab(served[0], expected=("401",))
    page.get_by_label("Token").fill("not the right one")
    page.get_by_role("button", name="Open").click()
    page.get_by_text("not the token of this campaign").wait_for()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="made-up").wait_for()


def test_a_person_approves_and_it_is_recorded_with_the_name(live):
    page, folder = live
    candidate = proposed(folder)
    give_name(page)
    page.get_by_role("link", name=candidate.text).first.click()
    page.get_by_role("button", name=f"Approve {candidate.candidate_id}").click()
    page.get_by_text("Recorded: ").wait_for()
    page.locator("dialog.story .chip", has_text="approved").wait_for()
    page.locator("dialog.story [role=status]", has_text="Recorded: ").wait_for()
    event = last_event(folder)
    assert (event.type, event.actor, event.data["candidate_ids"]) == (
        "candidate_approved",
        "Ana",
        [candidate.candidate_id],
    )


def test_a_decision_is_recorded_although_the_page_cannot_be_brought_up_to_date(tab, served, token):
    address, folder = served
    page = tab(f"{address}#token={token}", expected=("Failed to load resource",))
    page.locator(".connection", has_text="connected").wait_for()
    give_name(page)
    page.route("**/v1/view", lambda route: route.abort())
    page.get_by_role("button", name="Pause the campaign").click()
    page.get_by_label("Reason").fill("the cell leaks")
    page.locator("dialog.ask").get_by_role("button", name="Pause").click()
    page.get_by_text("could not be brought up to date").first.wait_for()
    assert "Not done" not in page.locator(".spoken").inner_text()
    assert last_event(folder).type == "paused"


def test_nothing_is_decided_without_a_name(live):
    page, folder = live
    n_events = len(Campaign.read(folder).events)
    page.get_by_role("button", name="Pause the campaign").click()
    page.get_by_text("Give your name first").wait_for()
    assert page.get_by_label("Your name").evaluate("one => one === document.activeElement")
    assert len(Campaign.read(folder).events) == n_events


def test_a_rejection_needs_a_reason(live):
    page, folder = live
    candidate = proposed(folder)
    give_name(page)
    page.goto(f"{page.url.split('#')[0]}#c/{candidate.candidate_id}")
    page.get_by_role("button", name=f"Reject {candidate.candidate_id}").click()
    page.get_by_label("Reason").fill("no FEC is left")
    page.get_by_label("It cannot be made").check()
    page.locator("dialog.ask").get_by_role("button", name="Reject").click()
    page.get_by_text("Recorded: ").wait_for()
    event = last_event(folder)
    assert event.type == "candidate_rejected"
    assert (event.data["reason"], event.data["is_infeasible"]) == ("no FEC is left", True)


def test_a_result_arrives_without_reloading(live, a_result_arrives):
    page, folder = live
    page.evaluate("window.isTheSame = true")
    tile = page.locator(".tile").nth(1).locator("b")
    before = int(tile.inner_text())
    candidate_id = a_result_arrives(folder)
    page.locator("[role=status]", has_text="New result").wait_for()
    row = page.locator("#candidates tr", has_text=candidate_id)
    row.locator(".wide-only .chip", has_text="measured").wait_for()
    assert int(tile.inner_text()) == before + 1
    assert page.evaluate("window.isTheSame")


@pytest.mark.slow
def test_how_far_a_job_is_comes_without_an_event(tab, served, token):
    address, folder = served
    page = tab(f"{address}#token={token}")
    page.locator("#jobs", has_text="42 %").wait_for()
    running = next(job for job in Campaign.read(folder).record.jobs.values() if job.status == "submitted")
    told = folder / "jobs" / running.job_key / "progress.json"
    told.write_text('{"fraction": 0.87, "message": "analysing"}')
    page.locator("#jobs", has_text="87 % analysing").wait_for()


def test_a_result_is_released_from_quarantine(live):
    page, folder = live
    give_name(page, "Bo")
    page.get_by_role("button", name="Release m").click()
    page.get_by_label("Reason").fill("measured twice")
    page.locator("dialog.ask").get_by_role("button", name="Release").click()
    page.get_by_text("New result: ").wait_for()
    assert "Recorded: " in page.locator("[role=status].spoken").inner_text()
    page.locator("#quarantine", has_text="Nothing is in quarantine").wait_for()
    assert (last_event(folder).type, last_event(folder).actor) == ("quarantine_released", "Bo")
    assert page.locator(".spoken p", has_text="New result: ").count() == 1


def test_a_result_is_ruled_out(live):
    page, folder = live
    give_name(page)
    page.get_by_role("button", name="Reject result m").click()
    page.get_by_label("Reason").fill("wrong cell constant")
    page.locator("dialog.ask").get_by_role("button", name="Reject").click()
    page.locator("#quarantine", has_text="Rejected: wrong cell constant").wait_for()
    assert last_event(folder).type == "quarantine_rejected"


def test_the_campaign_is_paused_and_resumed(live):
    page, folder = live
    give_name(page)
    page.get_by_role("button", name="Pause the campaign").click()
    page.get_by_label("Reason").fill("the cell leaks")
    page.locator("dialog.ask").get_by_role("button", name="Pause").click()
    page.locator("#overview").get_by_text("Paused: the cell leaks").wait_for()
    page.get_by_role("button", name="Resume the campaign").click()
    page.locator("dialog.ask").get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause the campaign").wait_for()
    assert last_event(folder).type == "resumed"


def test_a_name_is_kept_for_the_next_visit(live):
    page, _ = live
    give_name(page, "Ana")
    page.reload()
    page.get_by_label("Your name").wait_for()
    assert page.get_by_label("Your name").input_value() == "Ana"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(tab, served, token, axe, scheme):
    page = tab(f"{served[0]}#token={token}", scheme=scheme)
    page.locator("#best-0 svg.chart").wait_for()
    assert axe(page) == []
    give_name(page)
    page.get_by_role("button", name="Pause the campaign").click()
    page.get_by_label("Reason").wait_for()
    assert axe(page) == []
