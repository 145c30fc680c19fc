"""The description of the management side (OpenAPI 3.1), made of the table of calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

import connector
from connector.web.calls import JSON, Call
from connector.web.openapi_schemas import SCHEMAS

_PARAMETER: Final = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_PROBLEMS: Final = {
    400: "The request is wrong; the error names the field.",
    401: "The API key is missing or wrong.",
    404: "There is no such thing.",
    409: "Another thing stands in the way.",
    410: "The right to it has ended.",
    429: "Too many at a time.",
    502: "The partner could not be reached, or refused.",
    503: "Not now.",
}
_TAGS: Final = {
    "/health": "health",
    "/metrics": "health",
    "/openapi.json": "health",
    "/manage": "madang",
    "/management/v3": "edc v3",
}


def document(calls: Sequence[Call]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        path = _PARAMETER.sub(r"{\1}", call.path)
        paths.setdefault(path, {})[call.method.lower()] = _operation(call, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Madang management API",
            "version": connector.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "EDC's management API v3 below /management/v3, our own calls below /manage. "
            "Ids in a path are percent-encoded into one segment.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": SCHEMAS,
        },
    }


def _operation(call: Call, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(call.method, path),
        "summary": call.summary,
        "tags": [next(tag for start, tag in _TAGS.items() if path.startswith(start))],
        "responses": _responses(call),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(call.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in call.query]
    if parameters:
        operation["parameters"] = parameters
    if call.body:
        content = {JSON: {"schema": _schema(call.body)}}
        operation["requestBody"] = {"required": not call.is_body_optional, "content": content}
    if not call.needs_key:
        operation["security"] = []
    return operation


def _responses(call: Call) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done." if call.status == 204 else "The answer."}
    if call.answer:
        answer["content"] = {call.media_type: {"schema": _schema(call.answer)}}
    found: dict[str, Any] = {str(call.status): answer}
    standing = (400, 401) if call.needs_key else ()
    for status in sorted({*standing, *call.problems}):
        schema = _schema("Health" if status == 503 else "Error[]")
        found[str(status)] = {"description": _PROBLEMS[status], "content": {JSON: {"schema": schema}}}
    return found


def _schema(name: str) -> dict[str, Any]:
    if name.endswith("[]"):
        return {"type": "array", "items": _schema(name[:-2])}
    if name not in SCHEMAS:
        raise KeyError(f"no schema {name}")
    return {"$ref": f"#/components/schemas/{name}"}


def _operation_id(method: str, path: str) -> str:
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", path) if part]
    return method.lower() + "".join(part[0].upper() + part[1:] for part in parts)


class OpenApi:
    """Serves the document."""

    def __init__(self, table: Sequence[Call]) -> None:
        self._document = document([*table, *self.calls()])

    def calls(self) -> list[Call]:
        """Its one call."""
        call = Call("GET", "/openapi.json", self.serve, "This document", answer="Object", needs_key=False)
        return [call]

    async def serve(self, _: web.Request) -> web.Response:
        """GET /openapi.json."""
        return web.json_response(self._document)
