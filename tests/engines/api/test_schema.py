"""The OpenAPI document, tried out: whatever is sent is answered as the document says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from engines.api import build_api
from tests.engines.api.conftest import ALL
from tests.engines.conftest import MakePool

# It needs Python 3.11 or newer.
schemathesis = pytest.importorskip("schemathesis", reason="it needs Python 3.11")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

POST = ("classify", "ask", "ask/stream", "recommend", "maxsight/frame", "journey")
OPERATIONS = [(f"/api/v1/{name}", "POST") for name in POST]
OPERATIONS += [("/health", "GET"), ("/metrics", "GET")]
EXAMPLES = 15


@pytest.fixture(scope="module")
def document(make_pool: MakePool) -> Any:
    """Return the document of an API with all engines, whose language model says little."""
    pool = make_pool(*ALL, api_requests_per_s=1e6, api_burst=10**6, llm_max_new_tokens=8)
    for name in ALL:
        # A request that waits for an engine to load would take longer than is allowed here.
        pool.get(name)
    return schemathesis.openapi.from_asgi("/openapi.json", build_api(pool))


def test_every_address_is_tried_out(document: Any) -> None:
    found = [operation.ok() for operation in document.get_all_operations()]
    assert {(one.path, one.method.upper()) for one in found} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [(*operation, "positive") for operation in OPERATIONS]
    # Where nothing is sent, nothing can be wrong.
    + [(*operation, "negative") for operation in OPERATIONS if operation[1] == "POST"],
)
def test_whatever_is_sent_is_answered_as_the_document_says(
    document: Any, path: str, method: str, mode: str
) -> None:
    operation = document[path][method.lower()]
    cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case: Any) -> None:
        # A question that fits the document may still not be English, and bytes may be no photo.
        case.call_and_validate(excluded_checks=[checks.positive_data_acceptance])

    send()
