"""A small fitted surrogate, shared by the tests that only look at it."""

import pytest
from saltloop.chemistry import SpeciesBook, load_literature
from saltloop.surrogates.settings import SurrogateSettings

SALTS = ("LiPF6", "LiTFSI", "LiBF4")
SOLVENTS = ("EC", "PC", "DMC", "EMC", "FEC")


@pytest.fixture(scope="session")
def book():
    return SpeciesBook.builtin()


@pytest.fixture(scope="session")
def quick_settings():
    return SurrogateSettings(n_members=3, hidden=24, epochs=25, embedding=4)


@pytest.fixture(scope="session")
def literature():
    known = set(SALTS), set(SOLVENTS)
    return [
        m
        for m in load_literature().measurements
        if set(m.formulation.molality) <= known[0] and set(m.formulation.mole_fractions) <= known[1]
    ]


@pytest.fixture(scope="session")
def fitted(book, quick_settings, literature):
    from saltloop.surrogates.surrogate import MFNetSurrogate

    surrogate = MFNetSurrogate(quick_settings, book, SALTS, SOLVENTS)
    surrogate.fit(literature, seed=1)
    return surrogate
