"""The consumer's use cases: look into a partner's catalog, ask for a contract, fetch the data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from weakref import WeakValueDictionary

from connector.dataplane.naming import target_dir
from connector.dataplane.pull import Pulled, StreamOpen, pull
from connector.errors import (
    BadInput,
    Conflict,
    ConnectorError,
    NotFound,
    PeerFailed,
    Suspended,
    Unauthenticated,
)
from connector.failpoints import IS_ARMED, failpoint
from connector.ledger.log import LeafKind
from connector.model import names
from connector.model.canonical import load_json
from connector.model.contract import Agreement
from connector.model.ports import Clock, Fetch, Response
from connector.model.process import Negotiation, Role, Transfer, TransferAct, TransferState
from connector.model.times import iso
from connector.policy import describe
from connector.protocol.messages import CONTEXT, endpoint_properties
from connector.service.events import Events
from connector.service.extension import Step
from connector.service.foreign import datasets_in, first_offer, next_page, read_dataset
from connector.service.journal import Journal
from connector.service.negotiation import Counterparty, Negotiations
from connector.service.parties import Parties
from connector.service.transfer import Transfers
from connector.store.api import Store
from connector.store.tables import Tx

_MAX_CATALOG: Final = 32 << 20
_TX_AUTH: Final = "https://w3id.org/tractusx/auth/"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A pulled file, the contract file beside it, and the transfer it came by."""

    pulled: Pulled
    contract_file: Path
    transfer_id: str


class Consuming:
    """What a consumer does."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journal: Journal,
        events: Events,
        parties: Parties,
        negotiations: Negotiations,
        transfers: Transfers,
        fetch: Fetch,
        open_stream: StreamOpen,
        *,
        data_folder: Path,
    ) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._events = events
        self._parties = parties
        self._negotiations = negotiations
        self._transfers = transfers
        self._fetch = fetch
        self._open_stream = open_stream
        self._refreshing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._data_folder = data_folder

    # --- catalogs -----------------------------------------------------------------------------

    async def catalog(
        self,
        other: Counterparty,
        *,
        limit: int = 0,
        offset: int = 0,
        page: str = "",
        criteria: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[bytes, str]:
        """A partner's catalog page as it came, and the address of the next one ("" if none).

        `criteria` are EDC's; a partner that does not understand them refuses.

        Raises:
            BadInput: `page` is no address of this partner: our token would go to somebody else.
            PeerFailed: the partner could not be reached or refused, with its reason.
        """
        if page and not _is_same_place(page, other.address):
            raise BadInput("is no page of this partner", pointer="page")
        query: dict[str, Any] = {"@context": CONTEXT, "@type": "CatalogRequestMessage"}
        if limit or offset or criteria:
            spec = {
                "@type": "QuerySpec",
                "limit": limit or 50,
                "offset": offset,
                "filterExpression": [dict(c) for c in criteria],
            }
            query["filter"] = [spec]
        url = page or f"{other.address.rstrip('/')}/catalog/request"
        answer = await self._call(other, "POST", url, json.dumps(query).encode("utf-8"))
        _check_catalog(answer.body, other)
        return answer.body, next_page(answer.headers, url)

    async def dataset(self, other: Counterparty, dataset_id: str) -> dict[str, Any]:
        """One dataset of a partner, by its whole id or the last part of it.

        Raises:
            NotFound: the partner has none such for us.
            PeerFailed: the partner could not be reached or refused.
        """
        if ":" in dataset_id:
            url = f"{other.address.rstrip('/')}/catalog/datasets/{quote(dataset_id, safe='')}"
            answer = await self._call(other, "GET", url)
            return read_dataset(answer.body, limit=_MAX_CATALOG)
        return await self._search(other, dataset_id)

    async def _search(self, other: Counterparty, name: str) -> dict[str, Any]:
        page = ""
        for _ in range(1000):
            raw, page = await self.catalog(other, page=page)
            for dataset in datasets_in(load_json(raw, limit=_MAX_CATALOG)):
                found = str(dataset.get("@id", ""))
                if found == name or found.rpartition("/")[2] == name:
                    return dict(dataset)
            if not page:
                break
        raise NotFound(f"{other.id} offers no dataset {name!r} to us", pointer="dataset")

    async def _call(self, other: Counterparty, method: str, url: str, body: bytes | None = None) -> Response:
        header = await self._parties.authorize(other.id, url, other.our_id)
        headers = {"Authorization": header, "Content-Type": "application/json"}
        answer = await self._fetch(
            method, url, headers=headers, body=body, timeout_s=30.0, max_bytes=_MAX_CATALOG
        )
        if answer.status == 404:
            raise NotFound("the partner knows no such dataset for us")
        if answer.status >= 300:
            raise PeerFailed(f"the partner answered {answer.status}: {_text(answer.body)}")
        return answer

    # --- contracts ----------------------------------------------------------------------------

    async def request(
        self, other: Counterparty, dataset_id: str, *, policy: Mapping[str, Any] | None = None
    ) -> Negotiation:
        """Ask for a contract over a dataset, on the terms of its first offer or on other ones.

        Raises:
            NotFound: there is no such dataset, or it has no offer for us.
            PeerFailed: the partner could not be reached or refused.
        """
        dataset = await self.dataset(other, dataset_id)
        shown = first_offer(dataset)
        token = str(shown.get(names.CONTRACT_TOKEN, ""))
        offer = {k: v for k, v in shown.items() if not k.startswith("http")}
        target = dataset.get("@id") or dataset_id
        offer = {**offer, **(policy or {}), "@id": shown["@id"], "target": target}
        return await self._negotiations.request(other, offer, offer_token=token)

    async def request_offer(
        self, other: Counterparty, offer_id: str, dataset_id: str, rules: Mapping[str, Any]
    ) -> Negotiation:
        """Ask for an offer by its id; without rules of its own, those of the catalog's offer are taken.

        Raises:
            NotFound: the partner has no such dataset, or no such offer, for us.
            PeerFailed: the partner could not be reached or refused.
        """
        token = ""
        if not rules:
            offers = (await self.dataset(other, dataset_id)).get("hasPolicy") or []
            offers = offers if isinstance(offers, list) else [offers]
            found = next((o for o in offers if isinstance(o, Mapping) and o.get("@id") == offer_id), None)
            if found is None:
                raise NotFound("the partner has no such offer for us", pointer="policy/@id")
            token = str(found.get(names.CONTRACT_TOKEN, ""))
            rules = {k: v for k, v in found.items() if k not in (names.CONTRACT_TOKEN, "@id", "target")}
        offer = {**rules, "@id": offer_id, "target": dataset_id}
        return await self._negotiations.request(other, offer, offer_token=token)

    # --- data ---------------------------------------------------------------------------------

    async def pull(
        self,
        agreement_id: str,
        *,
        purpose: str = "",
        folder: Path | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        timeout_s: float = 60.0,
    ) -> Fetched:
        """Fetch the data of a contract into `FOLDER/<agreement>/<dataset>/FILE` [D31].

        A transfer that is started already is used again; its access token is refreshed if need be.

        Raises:
            NotFound: no such contract of ours as a consumer.
            PeerFailed, Gone, UseDenied, …: the provider refused, with its reason.
        """
        agreement = await self._store.read(lambda tx: tx.agreements.get(agreement_id))
        if agreement is None or agreement.role is not Role.CONSUMER:
            raise NotFound(f"there is no contract {agreement_id} that we consume under")
        transfer = await self._started(agreement, purpose, timeout_s)
        address = endpoint_properties(transfer.data_address)
        if "endpoint" not in address or "authorization" not in address:
            raise PeerFailed("the provider's start message has no endpoint and token")
        target = target_dir(folder or self._data_folder, agreement.id, agreement.dataset_id)
        pulled = await pull(
            self._open_stream,
            url=address["endpoint"],
            authorize=_Authorize(self, transfer, address),
            folder=target,
            name=_file_name(agreement),
            clock=self._clock,
            expected_sha256=agreement.dataset_sha256 or address.get(names.MMD + "sha256") or None,
            progress=_watched(progress),
        )
        pulled = _with_suffix(pulled)
        contract_file = self._write_contract(target, agreement, pulled)
        await self._store.transact(lambda tx: self._note(tx, agreement, transfer, pulled))
        return Fetched(pulled, contract_file, transfer.id)

    async def _started(self, agreement: Agreement, purpose: str, timeout_s: float) -> Transfer:
        for transfer in await self._store.read(lambda tx: tx.transfers.of_agreement(agreement.id)):
            if transfer.purpose != purpose:
                continue
            if transfer.state is TransferState.STARTED and transfer.data_address:
                return transfer
            if transfer.state is TransferState.SUSPENDED:
                # Another transfer would only go around whoever suspended this one.
                raise Suspended(transfer.reason or "the transfer is suspended")
            if transfer.state in (None, TransferState.REQUESTED):
                return await self.settled(
                    transfer.id, timeout_s
                )  # asked for before a restart, or by another call
        transfer = await self._transfers.request(agreement.id, purpose=purpose)
        return await self.settled(transfer.id, timeout_s)

    async def settled(self, transfer_id: str, timeout_s: float) -> Transfer:
        """Wait until a requested transfer is started, or has ended.

        Raises:
            PeerFailed: it ended instead, with the reason; or nothing happened in time.
        """

        async def wait() -> Transfer:
            listener = self._events.listen()
            try:
                pending = anext(listener)
                while True:
                    transfer = await self._transfers.find(transfer_id)
                    if transfer.state is TransferState.STARTED:
                        return transfer
                    if transfer.is_over:
                        raise Conflict(transfer.reason or "the transfer has ended", code="transfer-refused")
                    await pending
                    pending = anext(listener)
            finally:
                await listener.aclose()  # type: ignore[attr-defined]  # an async generator has it

        try:
            async with asyncio.timeout(timeout_s):
                return await wait()
        except TimeoutError:
            raise PeerFailed(f"the provider did not start the transfer within {timeout_s:g} s") from None

    async def refreshed(self, transfer: Transfer, address: Mapping[str, str]) -> str:
        """A new access token from the provider's refresh endpoint, or the one that somebody just got.

        Raises:
            Unauthenticated: there is no refresh token, or it is not taken any more.
        """
        # One at a time for each transfer: a refresh token is good for one new token [D12].
        lock = self._refreshing.setdefault(transfer.id, asyncio.Lock())
        async with lock:
            current = endpoint_properties((await self._transfers.find(transfer.id)).data_address)
            if current.get("authorization", address.get("authorization")) != address.get("authorization"):
                return current["authorization"]
            return await self._refresh(transfer, address)

    async def _refresh(self, transfer: Transfer, address: Mapping[str, str]) -> str:
        endpoint, token = address.get(_TX_AUTH + "refreshEndpoint"), address.get(_TX_AUTH + "refreshToken")
        if not endpoint or not token:
            raise Unauthenticated("the access token is not taken any more", pointer="Authorization")
        url = f"{endpoint.rstrip('/')}/token"
        header = await self._parties.authorize(transfer.peer, url, transfer.our_id)
        body = f"grant_type=refresh_token&refresh_token={quote(token)}".encode("ascii")
        headers = {"Authorization": header, "Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._fetch("POST", url, headers=headers, body=body)
        found = _json_or_nothing(answer.body) if answer.status == 200 else {}
        if not isinstance(found, Mapping) or not isinstance(found.get("access_token"), str):
            raise Unauthenticated("the provider gave no new access token", pointer="refresh_token")
        await self._keep(transfer, found)
        return str(found["access_token"])

    async def _keep(self, transfer: Transfer, found: Mapping[str, Any]) -> None:
        changed = {"authorization": found["access_token"], names.EDC + "authorization": found["access_token"]}
        if isinstance(found.get("refresh_token"), str):
            changed[_TX_AUTH + "refreshToken"] = found["refresh_token"]

        def work(tx: Tx) -> None:
            current = tx.transfers.get(transfer.id)
            if current is None or not current.data_address:
                return
            items = [
                {**item, "value": changed.get(item["name"], item["value"])}
                for item in current.data_address.get("endpointProperties", [])
            ]
            address = {**current.data_address, "endpointProperties": items}
            tx.transfers.save(replace(current, data_address=address, updated_at=self._clock.now()))

        await self._store.transact(work)

    def _write_contract(self, folder: Path, agreement: Agreement, pulled: Pulled) -> Path:
        path = folder / ".contract.json"
        content = {
            "agreementId": agreement.id,
            "provider": agreement.provider,
            "dataset": agreement.dataset_id,
            "file": pulled.path.name,
            "sha256": pulled.sha256,
            "size": pulled.size,
            "pulledAt": iso(self._clock.now()),
            "until": iso(agreement.ends_at) if agreement.ends_at else None,
            "terms": {lang: describe(agreement.policy, lang) for lang in ("ko", "en")},
            "policy": agreement.policy,
        }
        beside = folder / ".contract.json.part"
        beside.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
        beside.replace(path)
        return path

    def _note(self, tx: Tx, agreement: Agreement, transfer: Transfer, pulled: Pulled) -> None:
        data = {"transfer": transfer.id, "bytes": pulled.size, "sha256": pulled.sha256}
        self._journal.write(tx, LeafKind.RECEIVED, agreement.id, data)

    async def transfer(self, transfer_id: str) -> Transfer:
        """A transfer as it is now.

        Raises:
            NotFound: no such transfer.
        """
        return await self._transfers.find(transfer_id)

    async def finish(self, transfer_id: str) -> Transfer:
        """Tell the provider that we are done with a transfer."""
        return await self._transfers.act(transfer_id, Step(TransferAct.COMPLETE))


class _Authorize:
    """Gives the token of a transfer; a refused one is refreshed once at a time."""

    def __init__(self, consuming: Consuming, transfer: Transfer, address: dict[str, str]) -> None:
        self._consuming = consuming
        self._transfer = transfer
        self._address = address

    async def __call__(self, is_refused: bool) -> str:
        if is_refused:
            current = await self._consuming.transfer(self._transfer.id)
            stored = endpoint_properties(current.data_address)
            if stored.get("authorization") == self._address["authorization"]:
                return await self._consuming.refreshed(self._transfer, stored)
            self._address = stored
        return self._address["authorization"]


def _watched(progress: Callable[[int, int | None], None] | None) -> Callable[[int, int | None], None] | None:
    """The failpoint in the middle of a file that arrives; without one, `progress` as it is."""
    if not IS_ARMED:
        return progress

    def hear(held: int, total: int | None) -> None:
        if progress is not None:
            progress(held, total)
        if total is not None and held >= total // 2:
            failpoint("pull:middle")

    return hear


def _with_suffix(pulled: Pulled) -> Pulled:
    """The file under the ending that its provider gives it, so that programs know what it is."""
    if not pulled.suffix or pulled.path.name.lower().endswith(pulled.suffix.lower()):
        return pulled
    path = pulled.path.with_name(pulled.path.name + pulled.suffix)
    return replace(pulled, path=pulled.path.replace(path))


def _file_name(agreement: Agreement) -> str:
    return agreement.dataset_id.rstrip("/").rpartition("/")[2] or "data"


def _is_same_place(url: str, address: str) -> bool:
    """Whether two addresses have the same scheme, host and port."""
    try:
        return urlsplit(url)[:2] == urlsplit(address)[:2]
    except ValueError:
        return False


def _check_catalog(raw: bytes, other: Counterparty) -> None:
    """Whatever a partner sends is passed on only if it is a catalog."""
    try:
        body = load_json(raw, limit=_MAX_CATALOG)
    except ConnectorError as error:
        raise PeerFailed(f"{other.id} did not answer with a catalog: {error}") from None
    kind = body.get("@type") if isinstance(body, Mapping) else None
    if not isinstance(kind, str) or kind.rpartition(":")[2].rpartition("#")[2] != "Catalog":
        raise PeerFailed(f"{other.id} did not answer with a catalog")
    found = body.get("dataset") or body.get("dcat:dataset") or []
    datasets = found if isinstance(found, list) else [found]
    if not all(isinstance(d, Mapping) and isinstance(d.get("@id"), str) for d in datasets):
        raise PeerFailed(f"{other.id} answered with a catalog whose datasets cannot be read")


def _text(body: bytes) -> str:
    return body[:500].decode("utf-8", "replace")


def _json_or_nothing(raw: bytes) -> Any:
    try:
        return load_json(raw, limit=1 << 16)
    except ConnectorError:
        return {}
