"""``saltloop predict`` without a campaign keeps what it has trained."""

import pytest
from saltloop.loop.commands.predict import campaign_or_cache
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import SurrogateStrategy


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """How often a surrogate was trained; nothing is."""
    done = []
    monkeypatch.setenv("SALTLOOP_CACHE", str(tmp_path))
    monkeypatch.setattr(SurrogateStrategy, "has_model", lambda self, campaign: bool(campaign.record.fits))

    def fit(self, campaign, *, iteration, progress):
        campaign.folder.mkdir(parents=True, exist_ok=True)
        done.append(campaign.settings.data)
        return {"weights_sha256": "ab", "n_rows": 3}

    monkeypatch.setattr(SurrogateStrategy, "fit", fit)
    return done


def ask():
    return campaign_or_cache(None, "literature", Screen(is_quiet=True)).record.fits[-1]["weights_sha256"]


def test_it_is_trained_once(trainings):
    assert (ask(), ask()) == ("ab", "ab")
    assert trainings == [("literature",)]


def test_a_half_written_note_is_made_anew(trainings, tmp_path):
    ask()
    (note,) = (tmp_path / "predict").glob("*.json")
    note.write_text(note.read_text()[:7])
    assert ask() == "ab"
    assert len(trainings) == 2
