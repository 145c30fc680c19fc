"""Fetching a body from another connector: resumed after interruptions, kept only if its digest is right."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from connector.dataplane.naming import announced_suffix, safe_name
from connector.dataplane.partfile import PartFile
from connector.dataplane.ranges import strong_etag
from connector.errors import (
    ConnectorError,
    Gone,
    NotFound,
    PeerFailed,
    SourceChanged,
    Suspended,
    TooLarge,
    TooMany,
    Unauthenticated,
    UseDenied,
)
from connector.model.ports import Clock

ATTEMPTS = 8
"""Attempts in a row without a new byte before a pull gives up."""

DEFAULT_CAP = 1 << 40
_BACK_OFF_S = 0.25
_BACK_OFF_MOST_S = 30.0
_REFUSAL_BYTES = 64 << 10
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Opened(Protocol):
    """An answer whose head has arrived; header names are found without regard to case."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; raises PeerFailed, ConnectionError or TimeoutError when it breaks off."""
        ...


class StreamOpen(Protocol):
    """Opens one guarded GET and does not decode the content.

    Entering raises EgressRefused (final), or PeerFailed, ConnectionError or
    TimeoutError (tried again).
    """

    def __call__(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Opened]:
        """Send the request when the context is entered, close the connection when it is left."""
        ...


Authorize = Callable[[bool], Awaitable[str]]
"""Gives the Authorization header; called with True after a 401, when a fresh token is wanted."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """A complete, verified file.

    `received` counts the bytes that came in this run, `resumed_from` those kept
    from an earlier one. `suffix` is the ending that the provider gives the file, "" if none.
    """

    path: Path
    size: int
    sha256: str
    received: int
    resumed_from: int
    attempts: int
    media_type: str | None
    suffix: str = ""


class Refusal(Exception):
    """The provider's own words: status and JSON {code, reason {ko, en}, rule}.

    It is the `__cause__` of the typed error that a pull raises.
    """

    def __init__(self, status: int, code: str, reason: Mapping[str, str], rule: str | None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.reason = reason
        self.rule = rule


class _Again(Exception):
    """This attempt failed in a way that another may mend."""

    def __init__(self, why: ConnectorError, wait_s: float = 0.0) -> None:
        super().__init__(str(why))
        self.why = why
        self.wait_s = wait_s


async def pull(
    stream_open: StreamOpen,
    *,
    url: str,
    authorize: Authorize,
    folder: Path,
    name: str,
    clock: Clock,
    expected_sha256: str | None = None,
    expected_size: int | None = None,
    cap: int = DEFAULT_CAP,
    attempts: int = ATTEMPTS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Pulled:
    """Fetch `url` into `FOLDER/safe_name(name)`, which appears only when complete and verified.

    What has arrived is kept in `NAME.part` and continued by Range and If-Range,
    by this run or a later one. Without `expected_sha256` a tag that looks like a
    SHA-256 is not believed: the digest is only reported. `progress` hears (bytes
    held, bytes in all or None).

    Raises:
        Unauthenticated, UseDenied, NotFound, SourceChanged, Gone, Suspended: the
            provider refused (401, 403, 404, 409, 410, 423) with a `Refusal` as cause.
        TooLarge: more than `cap` bytes.
        TooMany: 429 to the end.
        PeerFailed: no complete or no right answer within `attempts` fruitless attempts.
        Conflict: another pull is writing the same file.
        Unavailable: no room on the disk.
        EgressRefused: the guard does not let the address out.
    """
    if expected_size is not None and expected_size > cap:
        raise TooLarge(f"{expected_size} bytes are promised, {cap} are allowed")
    part = PartFile(folder / safe_name(name), sha256=expected_sha256)
    resumed_from = await part.open()
    run = _Run(stream_open, url, authorize, part, expected_sha256, expected_size, cap, progress)
    fruitless, furthest = 0, resumed_from
    try:
        # A run that ended between the last byte and the rename has nothing to ask for.
        is_whole = expected_sha256 is not None and await part.digest() == expected_sha256
        while not is_whole:
            try:
                await run.attempt()
                if run.is_doubtful and await part.digest() != expected_sha256:
                    # The part from an earlier run was damaged: once more, from the start.
                    await run.restart()
                    continue
                is_whole = True
            except _Again as again:
                # Only bytes never held before count: a provider without ranges could go on for ever.
                fruitless = 1 if run.furthest > furthest else fruitless + 1
                furthest = max(furthest, run.furthest)
                if fruitless >= attempts:
                    raise again.why from again.why.__cause__
                back_off = min(_BACK_OFF_MOST_S, _BACK_OFF_S * 2.0 ** (fruitless - 1))
                await clock.sleep(max(back_off, again.wait_s))
        size = part.held
        sha256 = await part.commit(expected_sha256)
    finally:
        await part.close()
    return Pulled(part.target, size, sha256, run.received, run.kept, run.attempts, run.media_type, run.suffix)


class _Run:
    """The attempts of one pull."""

    def __init__(
        self,
        stream_open: StreamOpen,
        url: str,
        authorize: Authorize,
        part: PartFile,
        sha256: str | None,
        size: int | None,
        cap: int,
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        self._open = stream_open
        self._url = url
        self._authorize = authorize
        self._part = part
        self._sha256 = sha256
        self._promised = size
        self._cap = cap
        self._progress = progress
        self._wants_fresh_token = False
        self.kept = part.held
        self.furthest = part.held
        self.received = 0
        self.attempts = 0
        self.media_type: str | None = None
        self.suffix = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether bytes of an earlier run are part of what is held, and a digest can tell."""
        return self.kept > 0 and self._sha256 is not None

    async def attempt(self) -> None:
        """One request; returns when the part holds everything.

        Raises:
            _Again: worth another attempt.
            ConnectorError: it is not.
        """
        self.attempts += 1
        headers = {"Authorization": await self._authorize(self._wants_fresh_token)}
        headers["Accept-Encoding"] = "identity"
        if self._part.held and self._part.etag is not None:
            headers |= {"Range": f"bytes={self._part.held}-", "If-Range": self._part.etag}
        elif self._part.held:
            await self.restart()
        try:
            async with self._open(self._url, headers) as answer:
                await self._take(answer)
        except (ConnectionError, TimeoutError) as error:
            raise _Again(
                PeerFailed(f"the connection broke off: {str(error) or type(error).__name__}")
            ) from None
        except PeerFailed as error:
            # A guard's refusal and our own verdict are final; a broken connection is not.
            if type(error) is not PeerFailed or error.reason_code != PeerFailed.code:
                raise
            raise _Again(error) from None

    async def _take(self, answer: Opened) -> None:
        match answer.status:
            case 200:
                await self.restart()
                total = _length(answer.headers)
            case 206:
                total = await self._continued(answer.headers)
            case 416 if self._part.held:
                await self._unsatisfied(answer.headers)
                return
            case status:
                await self._refused(status, answer)
        self._check_encoding(answer.headers)
        self._check_total(total)
        etag = answer.headers.get("ETag")
        if self._names_other_content(etag):
            raise SourceChanged("the provider offers other content than the contract names")
        self._wants_fresh_token = False
        self.media_type = answer.headers.get("Content-Type")
        self.suffix = announced_suffix(answer.headers)
        await self._part.begin(etag, total)
        limit = self._cap if total is None else total
        async for chunk in answer.chunks():
            if self._part.held + len(chunk) > limit:
                await self.restart()
                raise PeerFailed(f"more than the {limit} bytes announced arrived", code="too-many-bytes")
            await self._part.write(chunk)
            self.received += len(chunk)
            self.furthest = max(self.furthest, self._part.held)
            if self._progress is not None:
                self._progress(self._part.held, total)
        if total is not None and self._part.held < total:
            raise _Again(PeerFailed(f"{self._part.held} of {total} bytes arrived"))

    def _names_other_content(self, etag: str | None) -> bool:
        # Our own kind tags a body with its digest; another's tag may be anything.
        if self._sha256 is None or etag is None or re.fullmatch(r'"[0-9a-f]{64}"', etag) is None:
            return False
        return etag != strong_etag(self._sha256)

    async def _continued(self, headers: Mapping[str, str]) -> int:
        match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        etag = headers.get("ETag")
        if match is None or int(match.group(1)) != self._part.held or etag not in (None, self._part.etag):
            # It is not the continuation of what we hold.
            await self.restart()
            raise _Again(PeerFailed("the range that arrived is not the one asked for"))
        return int(match.group(3))

    async def _unsatisfied(self, headers: Mapping[str, str]) -> None:
        # We hold everything already, or too much of something else.
        if headers.get("Content-Range", "").strip() != f"bytes */{self._part.held}":
            await self.restart()
            raise _Again(PeerFailed("the provider has fewer bytes than were held"))
        self._check_total(self._part.held)

    async def restart(self) -> None:
        """Begin again at the first byte."""
        self.kept = 0
        if self._part.held or self._part.etag is not None:
            await self._part.restart()

    def _check_encoding(self, headers: Mapping[str, str]) -> None:
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            raise PeerFailed(f"the content arrived encoded as {encoding[:20]!r}", code="encoded")

    def _check_total(self, total: int | None) -> None:
        if total is not None and total > self._cap:
            raise TooLarge(f"the body has {total} bytes, {self._cap} are allowed")
        if self._promised is not None and total is not None and total != self._promised:
            raise PeerFailed(f"{total} bytes are announced, {self._promised} promised", code="size-differs")

    async def _refused(self, status: int, answer: Opened) -> NoReturn:
        refusal = await _read_refusal(status, answer)
        text = refusal.reason.get("en") or f"the provider answered {status}"
        if status == 401 and not self._wants_fresh_token:
            self._wants_fresh_token = True
            raise _again(Unauthenticated(text, code=refusal.code), refusal)
        if status in _RETRY:
            wait_s = _retry_after(answer.headers)
            if status == 429:
                raise _again(TooMany(text, retry_after_s=max(1, int(wait_s))), refusal, wait_s)
            raise _again(PeerFailed(text, code=refusal.code), refusal, wait_s)
        raise _typed(status, text, refusal.code) from refusal


def _again(why: ConnectorError, refusal: Refusal, wait_s: float = 0.0) -> _Again:
    why.__cause__ = refusal
    return _Again(why, wait_s)


def _typed(status: int, text: str, code: str) -> ConnectorError:
    match status:
        case 401:
            return Unauthenticated(text, code=code)
        case 403:
            return UseDenied(text, code=code)
        case 404:
            return NotFound(text, code=code)
        case 409:
            return SourceChanged(text, code=code)
        case 410:
            return Gone(text, code=code)
        case 413:
            return TooLarge(text, code=code)
        case 423:
            return Suspended(text, code=code)
        case _:
            return PeerFailed(text, code=code or "unexpected-answer")


async def _read_refusal(status: int, answer: Opened) -> Refusal:
    raw = b""
    async for chunk in answer.chunks():
        raw += chunk
        if len(raw) > _REFUSAL_BYTES:
            return Refusal(status, "", {}, None)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Refusal(status, "", {}, None)
    code, reason, rule = value.get("code"), value.get("reason"), value.get("rule")
    texts = {"en": reason} if isinstance(reason, str) else reason if isinstance(reason, dict) else {}
    return Refusal(
        status,
        code[:100] if isinstance(code, str) else "",
        {str(k)[:20]: v[:2000] for k, v in texts.items() if isinstance(v, str)},
        rule[:500] if isinstance(rule, str) else None,
    )


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "").strip()
    return min(float(text), 3600.0) if re.fullmatch(r"[0-9]{1,9}", text) else 0.0
