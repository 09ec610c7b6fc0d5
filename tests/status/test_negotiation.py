"""Which form of the metrics a client gets."""

import pytest

from jobframe.status.negotiation import prefers_prometheus

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/plain, */*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        (PROMETHEUS, True),
        ("text/plain", True),
        ("TEXT/PLAIN; version=0.0.4", True),
        ("text/*", True),
        ("application/openmetrics-text", True),
        ("text/plain;q=0.5, application/json;q=0.4", True),
        ("text/plain;q=0.4, application/json;q=0.5", False),
        ("text/plain;q=nonsense", False),
        (",;q,,", False),
    ],
)
def test_prometheus_text_is_for_clients_that_rank_it_above_json(accept, expected):
    assert prefers_prometheus(accept) is expected
