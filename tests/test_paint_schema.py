"""Requests that are drawn from the API's own schema, right ones and wrong ones, are all answered as the schema says."""

import os

import pytest

pytest.importorskip("fastapi", reason="there is no fastapi to serve with")
pytest.importorskip("schemathesis", reason="there is no schemathesis to draw requests")

import schemathesis
from hypothesis import HealthCheck, given, settings

from pipeline.serve.painting import paint_app
from tests.painted import Segmenter, Stage

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
"""Requests an address."""
UNSAID = [schemathesis.checks.positive_data_acceptance]
"""No schema can say that a body has as many bytes as its map has pixels, or is a photo."""
ADDRESSES = (
    *("GET /healthz", "GET /api/model", "POST /api/paint", "GET /api/style", "POST /api/style"),
    *("POST /api/label", "POST /api/read-map", "POST /api/write-map"),
)
WITHOUT_QUESTIONS = ("GET /healthz", "GET /api/model", "POST /api/style")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("drawn"))
    close, stage.easel.close = stage.easel.close, lambda: None  # each request is a whole life of the app
    stage.model.labeller._open = Segmenter
    app = paint_app(stage.model, stage.easel)
    yield schemathesis.openapi.from_asgi("/openapi.json", app, headers={"host": "127.0.0.1"})
    close()


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_request_is_answered_as_the_schema_says(drawn, address, mode):
    method, path = address.split()
    if address in WITHOUT_QUESTIONS and mode == schemathesis.GenerationMode.NEGATIVE:
        pytest.skip("nothing can be asked wrongly here")

    @given(case=drawn[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    def ask(case):
        case.call_and_validate(headers={"host": "127.0.0.1"}, excluded_checks=UNSAID)

    ask()


def test_every_address_is_asked(drawn):
    said = {f"{one.ok().method.upper()} {one.ok().path}" for one in drawn.get_all_operations()}

    assert said == set(ADDRESSES)
