"""The example clients, run as a user runs them, against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rdflib import Graph
from rdflib.compare import isomorphic

from connector.semantic.graph import triples
from connector.semantic.jsonld import to_jsonld
from connector.semantic.negotiation import JSONLD, negotiate
from connector.semantic.turtle import to_turtle
from tests.unit.semantic.samples import CLONE, IRI, catalog, read_jsonld


@pytest.fixture
async def address():
    async def answer(request: web.Request) -> web.Response:
        form = negotiate(request.headers.get("Accept"))
        body = json.dumps(to_jsonld(catalog())) if form == JSONLD else to_turtle(triples(catalog()))
        return web.Response(text=body, content_type=form)

    app = web.Application()
    app.router.add_get("/catalog", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def run(*command: str) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode("utf-8"), err.decode("utf-8")


async def test_the_python_client_lists_what_is_offered(address):
    code, out, err = await run(sys.executable, "-X", "utf8", str(CLONE / "examples" / "catalog.py"), address)
    assert (code, err) == (0, "")
    assert out == f"{IRI} {{'ko': '사출 1호기', 'en': 'Moulder 1'}} 3 columns\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_shell_client_prints_both_forms(address):
    code, out, _ = await run("sh", str(CLONE / "examples" / "catalog.sh"), address)
    assert code == 0
    turtle, brace, rest = out.partition('{"@context"')
    expected = Graph().parse(data=to_turtle(triples(catalog())), format="turtle")
    assert isomorphic(Graph().parse(data=turtle, format="turtle"), expected)
    assert isomorphic(read_jsonld(json.loads(brace + rest)), expected)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_shell_client_says_what_it_needs():
    code, _, err = await run("sh", str(CLONE / "examples" / "catalog.sh"))
    assert code != 0
    assert "address of the connector" in err
