"""A campaign that is served, for the tests of the server."""

import pytest
from lab_campaign import start


@pytest.fixture
def folder(tmp_path):
    with start(tmp_path) as campaign:
        return campaign.folder


@pytest.fixture
def client(folder):
    from server_client import client_of

    with client_of(folder) as one:
        yield one
