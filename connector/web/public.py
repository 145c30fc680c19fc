"""What anybody may read: the DID document, self-descriptions for machines and people, the vocabulary.

A caller that shows who it is, as in the protocol, sees at the same addresses what it may see.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from connector.errors import BadInput, NotFound, TooMany
from connector.identity.did import did_document
from connector.semantic.description import Catalog, Dataset, Description
from connector.semantic.negotiation import HTML, JSONLD, NTRIPLES, SUFFIXES, TURTLE
from connector.semantic.rdf import Triple
from connector.service.describing import Lines, in_part, write
from connector.service.node import Node
from connector.service.showing import Ended, Showing, Shown
from connector.web import asked, pages
from connector.web.door import Door
from connector.web.kept import Answer, Kept
from connector.web.limits import network_of
from connector.web.page_texts import LANGUAGES

_VOCABULARY_FORMS: Final = {".ttl": TURTLE, ".jsonld": JSONLD}
_DUMPS: Final = 8
"""Dumps under way at a time."""
_DUMPS_EACH: Final = 2
"""Dumps under way at a time to one network: who reads slowly must not lock the others out."""
_WRITERS: Final = 2
"""Answers written at a time: each may take the memory of a hundred descriptions."""
_WRITE_S: Final = 30.0
"""A reader of a dump that takes nothing for so long has gone."""
_FIRST: Final = 10
"""Datasets on the participant's own page."""
Handler = Callable[["Public", web.Request], Awaitable[web.StreamResponse]]
Write = Callable[[web.Request, str], Awaitable[Answer]]


def _for_people(handler: Handler) -> Handler:
    """What is not there, or asked for wrongly, is a page too for whoever reads pages."""

    @functools.wraps(handler)
    async def shown(self: Public, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(self, request)
        except (NotFound, BadInput) as error:
            if not isinstance(error, asked.NotAcceptable) and asked.form_of(request) == HTML:
                body = pages.error_page(self.frame(request, "", self.root + "/", ()), error.status)
                return web.Response(
                    text=body, status=error.status, content_type=HTML, headers=asked.PAGE_HEADERS
                )
            raise

    return shown


class Public:
    """The open side of a connector."""

    def __init__(self, node: Node, vocabulary: Path, door: Door) -> None:
        self._node = node
        self._vocabulary = vocabulary
        self._door = door
        self._describing = node.describing
        self._dumps: Counter[str] = Counter()
        self._kept = Kept(node.clock)
        self._writers = asyncio.Semaphore(_WRITERS)
        self.root = node.public_url
        self._showing = Showing(
            node.store,
            node.catalogs,
            node.journal,
            page_size=node.settings.limits.catalog_page,
        )

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Every route; `prefix` is the path of the public address."""
        did = f"{prefix}/did.json" if prefix else "/.well-known/did.json"
        ends = [end for end in SUFFIXES if end != ".nt"]
        return [
            web.get(did, self.did),
            web.get(f"{prefix}/", self.participant),
            web.get(f"{prefix}/participant", self.participant),
            *(web.get(f"{prefix}/participant{end}", self.participant) for end in SUFFIXES),
            web.get(f"{prefix}/catalog", self.catalog),
            *(web.get(f"{prefix}/catalog{end}", self.catalog) for end in ends),
            web.get(f"{prefix}/catalog.nt", self.dump),
            web.get(f"{prefix}/datasets/{{id:.+}}", self.dataset),
            web.get(f"{prefix}/vocab", self.vocabulary),
            web.get(f"{prefix}/vocab/{{file}}", self.vocabulary),
            web.get(f"{prefix}/static/style.css", self.style),
        ]

    async def did(self, _: web.Request) -> web.Response:
        """GET did.json."""
        return web.json_response(own_document(self._node))

    @_for_people
    async def participant(self, request: web.Request) -> web.StreamResponse:
        """GET /: who this is; for people also the first of what it offers."""
        return await self._shown(request, self._participant)

    async def _participant(self, request: web.Request, caller: str) -> Answer:
        form = asked.form_of(request, asked.without_suffix(request.path)[1])
        here = f"{self.root}/participant"
        if form != HTML:
            links = _links(here)
            return await self._rdf(
                self._describing.participant, form, caller, links, subject=here, datasets=0
            )
        page = await self._showing.page(caller or None)
        catalog = await asyncio.to_thread(self._catalog, page.datasets[:_FIRST])
        frame = self.frame(request, caller, f"{self.root}/", _forms(here))
        body = await asyncio.to_thread(pages.participant_page, frame, catalog)
        return _page(body, caller, _links(here), subject=catalog.iri, datasets=len(catalog.datasets))

    @_for_people
    async def catalog(self, request: web.Request) -> web.StreamResponse:
        """GET /catalog: one page of what the caller may see, as DCAT."""
        return await self._shown(request, self._page)

    async def _page(self, request: web.Request, caller: str) -> Answer:
        form = asked.form_of(request, asked.without_suffix(request.path)[1])
        after, before = asked.number_of(request, "after"), asked.number_of(request, "before")
        page = await self._showing.page(caller or None, after=after or 0, before=before)
        catalog = await asyncio.to_thread(self._catalog, page.datasets)
        here, count = catalog.iri, len(catalog.datasets)
        following, preceding = _place(here, "after", page.after), _place(here, "before", page.before)
        this = _place(here, "before", before) or _place(here, "after", after) or here
        query = this.removeprefix(here)
        links = _links(here, query, canonical=this, next=following, previous=preceding)
        if form == HTML:
            frame = self.frame(request, caller, here, _forms(here, query))
            body = await asyncio.to_thread(pages.catalog_page, frame, catalog, page.after, page.before)
            return _page(body, caller, links, subject=here, datasets=count)
        parts = in_part(here, this if query else f"{here}?after=0", following, preceding)
        return await self._rdf(catalog, form, caller, links, subject=here, datasets=count, beside=parts)

    async def dump(self, request: web.Request) -> web.StreamResponse:
        """GET /catalog.nt: everything that the caller may see, streamed."""
        caller = await self._caller(request)
        headers = asked.HEADERS | _caching(caller)
        answer = web.StreamResponse(headers={**headers, "Content-Type": f"{NTRIPLES}; charset=utf-8"})
        if request.method == hdrs.METH_HEAD:
            return answer
        network = network_of(request.remote)
        if self._dumps.total() >= _DUMPS or self._dumps[network] >= _DUMPS_EACH:
            raise TooMany("enough dumps of the catalog are under way", retry_after_s=10)
        self._dumps[network] += 1
        try:
            await answer.prepare(request)
            await self._stream(answer, caller)
            await answer.write_eof()
        except BaseException:
            # A dump that ends early must not look like one that is whole.
            if request.transport is not None:
                request.transport.abort()
            raise
        finally:
            self._dumps -= Counter((network,))
        return answer

    async def _stream(self, answer: web.StreamResponse, caller: str) -> None:
        lines, count = Lines(self._catalog(())), 0

        def written(datasets: Sequence[Shown]) -> bytes:
            return b"".join(lines.dataset(self._described(shown)) for shown in datasets)

        body = lines.head()
        async for page in self._showing.everything(caller or None):
            async with asyncio.timeout(_WRITE_S):
                await answer.write(body)
            body = await asyncio.to_thread(written, page.datasets)
            count += len(page.datasets)
        await self._showing.tell(caller or None, f"{self.root}/catalog", count)
        async with asyncio.timeout(_WRITE_S):
            await answer.write(body)

    @_for_people
    async def dataset(self, request: web.Request) -> web.StreamResponse:
        """GET /datasets/{id}: one dataset; one that is over answers 410 with what is left of it."""
        return await self._shown(request, self._dataset)

    async def _dataset(self, request: web.Request, caller: str) -> Answer:
        raw = request.rel_url.raw_path.partition("/datasets/")[2]
        version = asked.number_of(request, "version") or 0
        found, suffix = await self._find(caller, raw, request.match_info["id"], version)
        form = asked.form_of(request, suffix)
        query = f"?version={version}" if version else ""
        if isinstance(found, Ended):
            return await self._ended(request, caller, form, found, query)
        dataset = self._described(found)
        here, links = dataset.iri, _links(dataset.iri, query)
        if form != HTML:
            return await self._rdf(dataset, form, caller, links, subject=dataset.id, datasets=1)
        frame = self.frame(request, caller, here, _forms(here, query))
        body = await asyncio.to_thread(pages.dataset_page, frame, dataset)
        return _page(body, caller, links, subject=dataset.id, datasets=1)

    async def _ended(self, request: web.Request, caller: str, form: str, found: Ended, query: str) -> Answer:
        left = self._describing.tombstone(
            found.tombstone, is_replaced=found.is_replaced, is_last=found.is_last
        )
        here = self._describing.dataset_iri(found.tombstone.asset_id)
        links = _links(here, query, canonical=here + query)
        if form != HTML:
            return await self._rdf(left, form, caller, links, subject=left.id, datasets=0, status=410)
        frame = self.frame(request, caller, here, _forms(here, query))
        return _page(pages.ended_page(frame, left), caller, links, subject=left.id, datasets=0, status=410)

    async def _shown(self, request: web.Request, write_it: Write) -> web.Response:
        """The answer as it was last written for the same question, or written now; told to the ledger."""
        caller = await self._caller(request)
        generation, digests = await self._showing.view(caller or None)
        key = (caller, digests, *asked.question(request))
        answer = self._kept.find(key, generation)
        if answer is None:
            async with self._writers:
                # Somebody before us in the line may have asked the same.
                answer = self._kept.find(key, generation) or await write_it(request, caller)
            if answer.status == 200:
                answer = await asyncio.to_thread(answer.tagged)
                self._kept.keep(key, generation, answer)
        await self._showing.tell(caller or None, answer.subject, answer.datasets)
        if answer.etag and any(tag.value == answer.etag for tag in request.if_none_match or ()):
            reply = web.Response(status=304, headers=answer.headers)
        else:
            reply = web.Response(body=answer.body, status=answer.status, headers=answer.headers)
            reply.content_type, reply.charset = answer.form, "utf-8"
        reply.etag = answer.etag or None
        return reply

    async def _find(self, caller: str, raw: str, name: str, version: int) -> tuple[Shown | Ended, str]:
        """The dataset behind an address, which may end in the name of a form; and that ending.

        Raises:
            NotFound: there is none that the caller may know of.
        """
        try:
            return await self._showing.find(caller or None, self._names(raw, name), version), ""
        except NotFound:
            (raw, suffix), (name, _) = asked.without_suffix(raw), asked.without_suffix(name)
            if not suffix:
                raise
            return await self._showing.find(caller or None, self._names(raw, name), version), suffix

    def _names(self, raw: str, name: str) -> list[str]:
        """What a dataset may be called whose description stands at an address: its address, or any id."""
        below = f"{self.root}/datasets/"
        return list(dict.fromkeys((below + raw, below + name, name)))

    def _described(self, shown: Shown) -> Dataset:
        return self._describing.dataset(shown.asset, shown.offers, shown.previous)

    def _catalog(self, datasets: Iterable[Shown]) -> Catalog:
        return self._describing.catalog(self._described(shown) for shown in datasets)

    async def _caller(self, request: web.Request) -> str:
        """The participant that shows who it is; "" for anybody.

        Raises:
            Unauthenticated: it shows something that proves nothing.
        """
        if hdrs.AUTHORIZATION not in request.headers:
            return ""
        return (await self._door.peer(request)).participant_id

    def frame(
        self, request: web.Request, caller: str, here: str, forms: tuple[pages.Form, ...]
    ) -> pages.Frame:
        """What surrounds a page."""
        return pages.Frame(
            lang=asked.language_of(request),
            is_chosen=request.query.get("lang") in LANGUAGES,
            caller=caller,
            address=here,
            query=tuple((k, v) for k, v in request.query.items() if k in ("after", "before", "version")),
            forms=forms,
            root=self.root,
            who=self._describing.participant,
        )

    async def _rdf(
        self,
        description: Description,
        form: str,
        caller: str,
        links: dict[str, str],
        *,
        beside: Iterable[Triple] = (),
        **told: Any,
    ) -> Answer:
        # A page of the catalog is thousands of statements: the loop has streams to watch meanwhile.
        body = await asyncio.to_thread(write, description, form, list(beside))
        return Answer(body, form, asked.HEADERS | _caching(caller) | links, **told)

    async def vocabulary(self, request: web.Request) -> web.Response:
        """GET /vocab: a copy of the vocabulary, its shapes and its context."""
        name = request.match_info.get("file", "madang.ttl")
        known = {p.name: p for p in self._vocabulary.iterdir() if p.suffix in _VOCABULARY_FORMS}
        if name not in known:
            raise NotFound("there is no such vocabulary file")
        path = known[name]
        form = _VOCABULARY_FORMS[path.suffix]
        return web.Response(body=path.read_bytes(), content_type=form, charset="utf-8")

    async def style(self, _: web.Request) -> web.Response:
        """GET /static/style.css: the one style sheet of the pages."""
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=3600"}
        body = pages.STYLE.read_bytes()
        return web.Response(body=body, content_type="text/css", charset="utf-8", headers=headers)


def _caching(caller: str) -> dict[str, str]:
    """How long somebody in between may keep an answer: not at all, where it is for one caller."""
    return {"Cache-Control": "private, no-store" if caller else "no-cache"}


def _place(here: str, name: str, number: int | None) -> str:
    return f"{here}?{urlencode({name: number})}" if number is not None else ""


def _links(here: str, query: str = "", **relations: str) -> dict[str, str]:
    forms = {SUFFIXES[end]: f"{here}{end}{query}" for end in SUFFIXES}
    return asked.link({"canonical": here, **relations}, {**forms, HTML: f"{here}{query}"})


def _forms(here: str, query: str = "") -> tuple[pages.Form, ...]:
    return tuple(
        pages.Form(form, pages.path_of(f"{here}{end}{query}"), asked.NAMES[end])
        for end, form in SUFFIXES.items()
    )


def _page(body: str, caller: str, links: dict[str, str], **told: Any) -> Answer:
    return Answer(body.encode("utf-8"), HTML, asked.PAGE_HEADERS | _caching(caller) | links, **told)


def own_document(node: Node) -> dict[str, object]:
    """Our own DID document."""
    return did_document(
        node.parties.did, node.keys.public_jwks["keys"], node.dsp_base, root_url=node.public_url
    )
