"""What anybody may read: the DID document, self-descriptions as RDF, and the vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from connector.errors import NotFound
from connector.identity.did import did_document
from connector.semantic.negotiation import JSONLD, TURTLE, negotiate
from connector.service.describing import write
from connector.service.node import Node

_FORMS: Final = {".ttl": TURTLE, ".jsonld": JSONLD}


class Public:
    """The anonymous side of a connector."""

    def __init__(self, node: Node, vocabulary: Path) -> None:
        self._node = node
        self._vocabulary = vocabulary

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Every route; `prefix` is the path of the public address."""
        did = f"{prefix}/did.json" if prefix else "/.well-known/did.json"
        return [
            web.get(did, self.did),
            web.get(f"{prefix}/", self.participant),
            web.get(f"{prefix}/participant", self.participant),
            web.get(f"{prefix}/catalog", self.catalog),
            web.get(f"{prefix}/datasets/{{id:.+}}", self.dataset),
            web.get(f"{prefix}/vocab", self.vocabulary),
            web.get(f"{prefix}/vocab/{{file}}", self.vocabulary),
        ]

    async def did(self, _: web.Request) -> web.Response:
        """GET did.json."""
        return web.json_response(own_document(self._node))

    async def participant(self, request: web.Request) -> web.Response:
        """GET /: who this is."""
        return self._write(request, self._node.describing.participant)

    async def catalog(self, request: web.Request) -> web.Response:
        """GET /catalog: what everybody may see, as DCAT."""
        assets = await self._node.catalogs.public_assets()
        return self._write(request, self._node.describing.catalog(assets))

    async def dataset(self, request: web.Request) -> web.Response:
        """GET /datasets/{id}: one dataset that everybody may see."""
        wanted = f"{self._node.public_url}{request.path.removeprefix(self._prefix(request))}"
        for asset, offers in await self._node.catalogs.public_assets():
            if wanted in (asset.id, self._node.describing.dataset_iri(asset.id)) or (
                asset.id == request.match_info["id"]
            ):
                return self._write(request, self._node.describing.dataset(asset, offers))
        raise NotFound("there is no such dataset")

    def _prefix(self, request: web.Request) -> str:
        return request.path.partition("/datasets/")[0]

    def _write(self, request: web.Request, description: object) -> web.Response:
        form = negotiate(request.headers.get("Accept"))
        if form is None:
            raise NotAcceptable
        body = write(description, form)  # type: ignore[arg-type]  # every caller gives a Description
        return web.Response(body=body, content_type=form, charset="utf-8", headers={"Vary": "Accept"})

    async def vocabulary(self, request: web.Request) -> web.Response:
        """GET /vocab: a copy of the vocabulary, its shapes and its context."""
        name = request.match_info.get("file", "madang.ttl")
        known = {p.name: p for p in self._vocabulary.iterdir() if p.suffix in _FORMS}
        if name not in known:
            raise NotFound("there is no such vocabulary file")
        path = known[name]
        return web.Response(body=path.read_bytes(), content_type=_FORMS[path.suffix], charset="utf-8")


class NotAcceptable(NotFound):
    """No form that the client accepts."""

    code = "not-acceptable"
    status = 406

    def __init__(self) -> None:
        super().__init__("ask for text/turtle, application/ld+json or application/n-triples")


def own_document(node: Node) -> dict[str, object]:
    """Our own DID document."""
    return did_document(
        node.parties.did, node.keys.public_jwks["keys"], node.dsp_base, root_url=node.public_url
    )
