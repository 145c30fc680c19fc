"""The composition root: settings -> stores -> services -> routes, and the life of the process."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from connector import resources
from connector.clock import SystemClock
from connector.dataplane.body import Body, Verified
from connector.dataplane.limits import Bandwidth, Hours, PullGate
from connector.dataplane.pull import Opened, StreamOpen
from connector.dataplane.sources.api import Kind as SourceKind
from connector.dataplane.sources.api import SourceDescription
from connector.dataplane.sources.files import FileSource
from connector.dataplane.sources.folders import FolderSource
from connector.errors import BadInput, NotFound, SourceInvalid, Unavailable
from connector.holding import Holding
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.identity.resolver import DidResolver
from connector.identity.static import StaticIdentities, StaticPeer
from connector.identity.tokens import SelfIssuedTokens
from connector.model.ports import Clock, Fetch, RandomBytes
from connector.peer.egress import Egress, Stream
from connector.policy import Templates
from connector.semantic.shacl import ShaclCheck
from connector.service.access import Access
from connector.service.catalog import Catalogs, Place
from connector.service.consuming import Consuming
from connector.service.contract import Tokens
from connector.service.cursors import Cursors
from connector.service.definitions import Definitions
from connector.service.deliver import Sender
from connector.service.describing import Describing, participant
from connector.service.events import Events
from connector.service.exchange import Room
from connector.service.extension import Automations, Host, Plugin
from connector.service.indexing import catch_up
from connector.service.journal import Journal
from connector.service.listing import Listing
from connector.service.metrics import Metrics
from connector.service.negotiation import Negotiations, Terms
from connector.service.node import Node, Pulls
from connector.service.notify import Notices
from connector.service.offering import Offering
from connector.service.overview import Overview
from connector.service.parties import Parties, Replays
from connector.service.publishing import Publishing
from connector.service.references import References
from connector.service.searching import Searching
from connector.service.timers import Timers
from connector.service.transfer import Transfers
from connector.service.watch import Watch
from connector.settings import CONFIG_FILE, Settings
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx
from connector.web import management
from connector.web.data import DataEndpoint
from connector.web.door import Door
from connector.web.dsp import NODE, Dsp, version
from connector.web.measure import measured
from connector.web.middleware import IS_PUBLIC, errors
from connector.web.public import Public
from connector.web.search import PublicSearch

_log = logging.getLogger(__name__)
KEYS: Final = "keys"
API_KEY: Final = "management.key"
DATABASE: Final = "madang.db"
_TLS_LOOK_S: Final = 30.0
_REPLAYS_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a simulation replaces: clock, randomness, network and the way the store runs."""

    clock: Clock
    random: RandomBytes
    fetch: Fetch
    open_stream: StreamOpen
    check_address: Callable[[str], None]
    """Raises EgressRefused for an address that nothing may be sent to."""
    make_store: Callable[[Path], SqliteStore] = SqliteStore


def compose(settings: Settings, parts: Parts) -> tuple[Node, Replays]:
    """Put one connector together from an initialised home folder.

    Raises:
        NotFound: the folder was not initialised.
        BadInput: a setting cannot work.
    """
    clock, random = parts.clock, parts.random
    did = did_from_url(settings.public_url)
    try:
        keys = KeyRing.open(settings.home / KEYS, did)
        api_key = (settings.home / API_KEY).read_text("utf-8").strip()
    except (NotFound, FileNotFoundError):
        raise NotFound(f"{settings.home} is no connector's home", hint="run `madang init` first") from None
    dsp_base = f"{settings.public_url}/dsp/2025-1"
    store = parts.make_store(settings.home / DATABASE)
    timers, events = Timers(store, clock), Events(clock)
    journal = Journal(keys.signer, clock, timers)
    statics = StaticIdentities([_static(p) for p in settings.identity.static_peers])
    resolver = DidResolver(parts.fetch, clock, http_hosts=frozenset(settings.egress.http_hosts))
    replays = Replays(clock)
    own = SelfIssuedTokens(
        keys.signer, clock, random, lenient_relationships=settings.identity.lenient_relationships
    )
    parties = Parties(did, own, statics, resolver, replays, parts.fetch)
    sender = Sender(store, clock, random, parts.fetch, parties.authorize)
    automations = Automations()
    negotiation = settings.negotiation
    room = Room(
        store=store,
        clock=clock,
        random=random,
        journal=journal,
        events=events,
        sender=sender,
        timers=timers,
        automations=automations,
        callback=dsp_base,
        expire_after=timedelta(hours=negotiation.expire_after_h),
        insists=frozenset(p.id for p in settings.identity.static_peers if p.insist).__contains__,
        before=replays.write,
        check_address=parts.check_address,
    )
    tokens = Tokens(keys.signer, random)
    service_id = f"{settings.public_url}/dsp#service"
    place = Place(did, f"{settings.public_url}/catalog", service_id, dsp_base, signs=True)
    offer_valid = timedelta(hours=negotiation.offer_valid_h)
    catalogs = Catalogs(
        store,
        clock,
        journal,
        tokens,
        place,
        offer_valid=offer_valid,
        page_size=settings.limits.catalog_page,
    )
    terms = Terms(
        decide_within=timedelta(hours=negotiation.decide_within_h),
        offer_valid=offer_valid,
        require_signatures=negotiation.require_signatures,
        open_per_peer=settings.limits.open_negotiations,
    )
    access = Access(
        store,
        clock,
        random,
        journal,
        public_url=settings.public_url,
        token_life=timedelta(minutes=settings.data.token_minutes),
    )
    negotiations = Negotiations(room, tokens, catalogs, terms)
    transfers = Transfers(room, tokens, access)
    name = settings.participant.name or settings.participant.name_en or did
    who = participant(did, name, settings.participant.name_en, dsp_base, service_id)
    describing = Describing(who, settings.public_url, ShaclCheck(resources.vocab_dir(), clock))
    sources = _Sources(clock, settings.data.stable_for_s, settings.home)
    publishing = Publishing(
        store,
        clock,
        journal,
        catalogs,
        describing,
        sources.inspect,
        Templates.load(resources.policies_dir()),
        public_url=settings.public_url,
    )
    consuming = Consuming(
        store,
        clock,
        journal,
        events,
        parties,
        negotiations,
        transfers,
        parts.fetch,
        parts.open_stream,
        data_folder=settings.data_folder,
    )
    limits = settings.limits
    hours = Hours.parse(limits.hours, datetime.now().astimezone().tzinfo or UTC) if limits.hours else None
    gate = PullGate(limits.parallel_pulls)
    node = Node(
        settings=settings,
        clock=clock,
        store=store,
        keys=keys,
        parties=parties,
        journal=journal,
        events=events,
        timers=timers,
        sender=sender,
        catalogs=catalogs,
        negotiations=negotiations,
        transfers=transfers,
        access=access,
        describing=describing,
        publishing=publishing,
        consuming=consuming,
        overview=Overview(store, clock),
        notices=Notices(events, parts.fetch, command=settings.notify.command, url=settings.notify.url),
        pulls=Pulls(gate, Bandwidth(limits.bandwidth or None, clock), hours),
        open_source=sources.open,
        public_url=settings.public_url,
        api_key=api_key,
        cursors=Cursors(api_key),
        automations=automations,
        definitions=Definitions(store, clock, journal, catalogs, describing, sources.inspect),
        listing=Listing(store),
        offering=Offering(store, random, publishing, negotiations),
        references=References(store, clock, consuming),
        metrics=Metrics(store, clock, sender, gate),
        searching=Searching(store, catalogs, journal, catalog_id=place.catalog_id),
    )
    return node, replays


class _Sources:
    """Files and folders behind one door, which never opens to what the connector keeps for itself."""

    def __init__(self, clock: Clock, stable_for_s: float, home: Path) -> None:
        verified = Verified(clock)
        self._own = [(home / name).resolve() for name in (KEYS, API_KEY, DATABASE, CONFIG_FILE)]
        self._files = FileSource(clock, verified, settle_s=stable_for_s)
        self._folders = FolderSource(clock, verified, settle_s=stable_for_s)

    async def inspect(self, path: Path) -> SourceDescription:
        """What a file or folder is.

        Raises:
            SourceInvalid: it cannot be published as it is, or it holds this connector's own keys or records.
        """
        try:
            real, is_folder = path.resolve(), path.is_dir()
        except (OSError, RuntimeError) as error:
            raise SourceInvalid(f"it cannot be looked at: {error}", pointer=os.fspath(path)) from None
        if any(real == own or real in own.parents or own in real.parents for own in self._own):
            raise SourceInvalid("it holds this connector's own keys or records", pointer=os.fspath(path))
        source = self._folders if is_folder else self._files
        return await source.inspect(path)

    async def open(self, description: SourceDescription) -> Body:
        """Open exactly what was described."""
        source = self._folders if description.kind is SourceKind.FOLDER else self._files
        return await source.open(description)


def _static(peer: Any) -> StaticPeer:
    match = (peer.match_pointer, peer.match) if peer.match_pointer else peer.match
    return StaticPeer(peer.id, peer.address, peer.send, match, peer.our_id)


def public_app(node: Node) -> web.Application:
    """The application that partners talk to."""
    prefix = urlsplit(node.public_url).path.rstrip("/")
    app = web.Application(
        middlewares=[
            measured(node.metrics, "public"),
            errors(node.settings.server.request_timeout_s, exempt={f"{prefix}/data", f"{prefix}/catalog.nt"}),
        ],
        client_max_size=node.settings.server.body_limit,
    )
    app[NODE] = node
    app[IS_PUBLIC] = True
    door = Door(node)
    app.add_routes(Dsp(node, door).routes(f"{prefix}/dsp/2025-1"))
    app.add_routes(DataEndpoint(node, door).routes(prefix))
    app.add_routes(PublicSearch(node, door).routes(prefix))
    app.add_routes(Public(node, resources.vocab_dir(), door).routes(prefix))
    app.add_routes(
        [
            web.get(f"{prefix}/.well-known/dspace-version", version),
            web.get(f"{prefix}/dsp/.well-known/dspace-version", version),
        ]
    )
    return app


def private_app(node: Node) -> web.Application:
    """The application that the factory itself talks to."""
    app = web.Application(
        middlewares=[
            measured(node.metrics, "private"),
            errors(0.0, exempt={"/"}),
            management.authenticated(node.api_key),
        ],
        client_max_size=node.settings.server.body_limit,
    )
    app[NODE] = node
    app[IS_PUBLIC] = False
    management.add_routes(app, node)
    return app


class Connector:
    """One running connector: start, wait, stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._egress = Egress(
            allow=frozenset(settings.egress.allow),
            http_hosts=frozenset(settings.egress.http_hosts),
            ca_file=Path(settings.egress.ca_file) if settings.egress.ca_file else None,
        )
        self._clock = SystemClock()
        self._holding = Holding(settings.home)
        parts = Parts(self._clock, os.urandom, self._egress, _opener(self._egress), self._egress.check)
        self.node, self._replays = compose(settings, parts)
        self._plugins: list[Plugin] = []
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._tls: ssl.SSLContext | None = None
        self._tls_seen: tuple[float, ...] = ()

    async def start(self) -> None:
        """Open the listeners; when this returns the connector is ready.

        Raises:
            Unavailable: a port is in use, or another connector runs on this home.
            BadInput: a plug-in or certificate cannot be loaded.
        """
        node = self.node
        self._holding.take()
        await self._egress.start()
        await node.store.transact(lambda tx: self._replays.load(tx, self._clock.now()))
        await node.store.read(node.journal.start)
        node.timers.on("replays", self._keep_replays)
        node.timers.wake_in(_REPLAYS_EVERY_S, "replays", "")
        node.is_paused = await node.store.read(lambda tx: tx.get_meta("restored")) == "unconfirmed"
        for module in self._settings.plugins:
            await self._plug(module)
        self._tls = self._tls_context()
        server = self._settings.server
        await self._listen(public_app(node), server.public_host, server.public_port, self._tls)
        await self._listen(private_app(node), server.management_host, server.management_port, None)
        watch = Watch(node.events, self._clock, self._settings.home, self._settings.tls.cert)
        for loop in (node.timers.run, node.notices.run, watch.run, self._watch_tls, self._index):
            self._tasks.append(asyncio.create_task(_forever(loop), name=loop.__qualname__))
        await node.sender.start()
        node.is_ready = True

    def _keep_replays(self, tx: Tx, _ref: str) -> None:
        """Token ids that came with reads only are written too, and those that are over forgotten."""
        if self._replays.are_unwritten:
            self._replays.write(tx)
            tx.forget_replays(self._clock.now())
        self.node.timers.wake_in(_REPLAYS_EVERY_S, "replays", "")

    async def _plug(self, module: str) -> None:
        try:
            make = importlib.import_module(module).plugin
        except (ImportError, AttributeError) as error:
            raise BadInput(f"the plug-in {module} cannot be loaded: {error}", pointer="plugins") from None
        node = self.node
        host = Host(self._settings, node.store, self._clock, node.negotiations, node.transfers)
        plugin: Plugin = make(host)
        if plugin.automation is not None:
            node.automations.put_first(plugin.automation)
        await plugin.start()
        self._plugins.append(plugin)

    async def _listen(self, app: web.Application, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._settings.server.stop_within_s / 2)
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls, backlog=1024).start()
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {host}:{port}: {error.strerror}",
                hint="another program uses this port; change it in connector.toml, [server]",
            ) from None

    def _tls_context(self) -> ssl.SSLContext | None:
        tls = self._settings.tls
        if not tls.cert:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load_certificate(context)
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        tls = self._settings.tls
        try:
            context.load_cert_chain(tls.cert, tls.key or None)
            self._tls_seen = tuple(Path(p).stat().st_mtime for p in (tls.cert, tls.key) if p)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(f"the certificate cannot be loaded: {error}", pointer="tls.cert") from None

    async def _watch_tls(self) -> None:
        """A renewed certificate is used without a restart."""
        tls, context = self._settings.tls, self._tls
        while context is not None:
            await self._clock.sleep(_TLS_LOOK_S)
            try:
                seen = tuple(Path(p).stat().st_mtime for p in (tls.cert, tls.key) if p)
                if seen != self._tls_seen:
                    self._load_certificate(context)
            except (OSError, BadInput) as error:
                _log.warning("the renewed certificate cannot be loaded", extra={"error": str(error)})

    async def _index(self) -> None:
        """What older code has put into the catalog becomes searchable; after that every change does."""
        await catch_up(self.node.store)

    async def stop(self) -> None:
        """Stop within the time allowed; nothing acknowledged is lost."""
        node = self.node
        node.is_ready = False
        for plugin in self._plugins:
            await plugin.stop()
        node.access.stop_all()
        await asyncio.gather(*(r.cleanup() for r in self._runners), return_exceptions=True)
        await node.sender.stop(self._settings.server.stop_within_s / 3)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await node.describing.close()
        await node.store.close()
        await self._egress.close()
        self._holding.release()


def _opener(egress: Egress) -> StreamOpen:
    @asynccontextmanager
    async def open_stream(url: str, headers: Mapping[str, str]) -> AsyncIterator[Opened]:
        async with egress.stream("GET", url, headers=headers) as answer:
            yield _Answer(answer)

    return open_stream


@dataclass(frozen=True, slots=True)
class _Answer:
    """A stream of the guard, as a pull wants it."""

    stream: Stream

    @property
    def status(self) -> int:
        """The status code."""
        return self.stream.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self.stream.headers

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        return self.stream.chunks


async def _forever(loop: Callable[[], Any]) -> None:
    """A loop that fails is said and begun again: timers must go on."""
    while True:
        try:
            await loop()
            return
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001  # an owner of a loop may not die of one bad turn
            _log.exception("a loop failed and is begun again", extra={"loop": loop.__qualname__})
            await asyncio.sleep(1.0)
