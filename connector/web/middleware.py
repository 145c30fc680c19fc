"""What stands before every handler: size, deadline, errors, and on the public side the caller.

Errors are rendered here and nowhere else: as DSP's own error types below the
DSP base, as EDC's array on the management side, as plain JSON elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from aiohttp import web

from connector.errors import ConnectorError, InvalidMessage, MalformedBody, TooLarge, TooMany, Unavailable
from connector.model.canonical import load_json
from connector.model.process import Kind
from connector.protocol import messages
from connector.protocol.messages import Invalid
from connector.web.data_texts import korean

_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BODY: Final = web.RequestKey("body", dict)
"""The JSON body that the handler read, for the pids of an error."""


IS_PUBLIC: Final = web.AppKey("is_public", bool)
"""Set on the application of the public listener."""


async def read_json(request: web.Request, limit: int) -> Any:
    """The request's JSON body.

    Raises:
        TooLarge, MalformedBody: see `load_json`; or it is compressed.
    """
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise MalformedBody("a compressed body is not accepted", pointer="Content-Encoding")
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(f"the body has {request.content_length} bytes, {limit} are allowed")
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > limit:
            raise TooLarge(f"the body has more than {limit} bytes")
    body = load_json(bytes(raw), limit=limit)
    if isinstance(body, dict):
        request[BODY] = body
    return body


def render_error(request: web.Request, error: ConnectorError) -> web.Response:
    """An error on the wire that the request came in on."""
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooMany) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    path = request.match_info.route.resource.canonical if request.match_info.route.resource else request.path
    if "/dsp/" in path:
        body = _dsp_error(request, path, error)
    elif path.endswith(("/data", "/data/token")) and request.app.get(IS_PUBLIC):
        reason = {"ko": korean(error.reason_code, error.message), "en": error.message}
        body = {"code": error.reason_code, "reason": reason, "rule": ""}
        body |= error.extra
    elif request.app.get(IS_PUBLIC):
        body = {"code": error.reason_code, "message": error.message}
    else:
        return web.json_response([edc_error(error)], status=error.status, headers=headers)
    return web.json_response(body, status=error.status, headers=headers)


def _dsp_error(request: web.Request, path: str, error: ConnectorError) -> dict[str, Any]:
    kind = Kind.NEGOTIATION if "/negotiations" in path else Kind.TRANSFER if "/transfers" in path else None
    consumer, provider = messages.pids_in_answer(request.get(BODY))
    if kind and not (consumer or provider):
        provider = request.match_info.get("pid", "")
    body = messages.render_error(
        kind, error.reason_code, str(error), consumer_pid=consumer, provider_pid=provider
    )
    return body | error.extra


_EDC_TYPES: Final = {
    400: "InvalidRequest",
    401: "AuthenticationFailed",
    403: "NotAuthorized",
    404: "ObjectNotFound",
    409: "ObjectConflict",
    502: "BadGateway",
}


def edc_error(error: ConnectorError) -> dict[str, Any]:
    """One entry of EDC's error array."""
    type_ = "ValidationFailure" if error.status == 400 and error.pointer else None
    shown = error.message if not error.hint else f"{error.message} ({error.hint})"
    return {
        "message": shown,
        "type": type_ or _EDC_TYPES.get(error.status, "InvalidRequest"),
        "path": error.pointer or None,
        "invalidValue": None,
        "code": error.reason_code,
        **error.extra,
    }


def errors(timeout_s: float, *, exempt: Collection[str]) -> Any:
    """Deadline and error rendering; the paths `exempt` may take longer (streams), with "/" every path."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if "/" in exempt or request.path in exempt:
                return await handler(request)
            async with asyncio.timeout(timeout_s):
                return await handler(request)
        except Invalid as error:
            return render_error(request, InvalidMessage(error.message, pointer=error.pointer))
        except ConnectorError as error:
            return render_error(request, error)
        except TimeoutError:
            return render_error(request, Unavailable(f"not done within {timeout_s:g} s"))
        except web.HTTPException as error:
            if error.status < 400 or error.status == 426:
                raise
            answer = render_error(request, _from_http(error))
            answer.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
            return answer
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001  # whatever it is, the caller learns an incident id and nothing else
            incident = secrets.token_hex(6)
            _log.exception("unexpected error", extra={"incident": incident, "path": request.path})
            return render_error(request, ConnectorError("internal error", extra={"incident": incident}))

    return middleware


def _from_http(error: web.HTTPException) -> ConnectorError:
    found = ConnectorError(
        error.reason or "error", code="not-found" if error.status == 404 else "bad-request"
    )
    found.status = error.status  # type: ignore[misc]  # one instance stands for aiohttp's own refusal
    return found
