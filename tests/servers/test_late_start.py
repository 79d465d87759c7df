"""Native middleware that is a generator, under servers that take the status only while the application is called."""

import pytest
from tests.servers.conftest import Pool

pytestmark = [pytest.mark.server, pytest.mark.gate]


@pytest.mark.parametrize("name", ["granian-wsgi", "gunicorn", "waitress"])
def test_a_refusal_stays_one(pool: Pool, name: str) -> None:
    server = pool(name, "late_app:app")
    refused = server.request("GET", "/secret")
    assert (refused.status, refused["www-authenticate"]) == (401, "Bearer")
    assert server.request("GET", "/stream").body == b"one two"
