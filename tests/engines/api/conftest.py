"""The API on the shipped engines, and APIs without engines for what needs none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engines.api import build_api
from tests.engines.conftest import MakePool

MakeClient = Callable[..., TestClient]
ALL = ("waste", "rag", "llm", "upcycle", "maxsight")


@pytest.fixture(scope="session")
def make_client(make_pool: MakePool) -> MakeClient:
    """Return what makes a client of an API with some engines and with settings of its own."""

    def make(*engines: str, **settings: Any) -> TestClient:
        # Errors are answered as the server answers them, not raised.
        return TestClient(build_api(make_pool(*engines, **settings)), raise_server_exceptions=False)

    return make


@pytest.fixture(scope="session")
def client(make_client: MakeClient) -> Iterator[TestClient]:
    """Return a client of the API with all engines."""
    with make_client(*ALL, api_requests_per_s=1e6, api_burst=10**6) as client:
        yield client
