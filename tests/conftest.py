"""What all tests share."""

from hypothesis import settings

# Hypothesis gives an example 200 ms by default; on a busy machine that is a race.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
