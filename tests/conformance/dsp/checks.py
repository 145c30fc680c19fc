"""Is what came a valid message? The specification's JSON schemas, its JSON-LD context, and bare facts.

The schemas and contexts are the standard's own files, found below
`MADANG_REFERENCE` (default: `../shared` beside the repository). Without them the
required members are still checked, and the player says so.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft201909Validator
from pyld import jsonld
from referencing import Registry, Resource

DSP: Final = "https://w3id.org/dspace/2025/1/"
REPOSITORY: Final = Path(__file__).resolve().parents[3]

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "ContractRequestMessage": ("consumerPid", "offer"),
    "ContractOfferMessage": ("providerPid", "offer"),
    "ContractAgreementMessage": ("providerPid", "consumerPid", "agreement"),
    "ContractAgreementVerificationMessage": ("providerPid", "consumerPid"),
    "ContractNegotiationEventMessage": ("providerPid", "consumerPid", "eventType"),
    "ContractNegotiationTerminationMessage": ("providerPid", "consumerPid"),
    "ContractNegotiation": ("providerPid", "consumerPid", "state"),
    "ContractNegotiationError": ("providerPid", "consumerPid"),
    "TransferRequestMessage": ("consumerPid", "agreementId", "format", "callbackAddress"),
    "TransferStartMessage": ("providerPid", "consumerPid"),
    "TransferCompletionMessage": ("providerPid", "consumerPid"),
    "TransferSuspensionMessage": ("providerPid", "consumerPid"),
    "TransferTerminationMessage": ("providerPid", "consumerPid"),
    "TransferProcess": ("providerPid", "consumerPid", "state"),
    "TransferError": ("providerPid", "consumerPid"),
    "Catalog": ("@id", "participantId"),
    "Dataset": ("@id", "hasPolicy", "distribution"),
    "CatalogError": (),
}
"""Members that a message of a type must have besides @context and @type (§6 to §8)."""


def _schema_name(type_: str) -> str:
    """`ContractOfferMessage` -> `negotiation/contract-offer-message-schema.json`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", type_).lower()
    folder = {"contract": "negotiation", "transfer": "transfer"}.get(words.split("-")[0], "catalog")
    return f"{folder}/{words}-schema.json"


Check = Callable[[dict[str, Any]], str]


def reference() -> Path:
    """Where the standard's own files are looked for."""
    return (REPOSITORY / os.environ.get("MADANG_REFERENCE", "../shared")).resolve() / "data" / "dsp"


class MessageCheck:
    """Says what is wrong with a message, in a word, or nothing.

    `sources` names what it checks with, for the player's first line.
    """

    def __init__(self, folder: Path) -> None:
        self._checks: dict[str, list[Check]] = {}
        found = 0
        for schemas in (folder / "schemas", *sorted((folder / "tck" / "schemas-as-used").glob("*"))):
            found += self._load_schemas(schemas)
        contexts = folder / "contexts"
        self._contexts = {
            f"{DSP}{path.name}": json.loads(path.read_text("utf-8"))
            for path in sorted(contexts.glob("*.jsonld"))
        }
        self.sources = (
            f"{found} message schemas, {len(self._contexts)} contexts from {folder}"
            if found
            else f"required members only (no schemas in {folder})"
        )

    def __call__(self, body: Any) -> str:
        """What is wrong with a message, or "" if nothing is."""
        if not isinstance(body, dict):
            return "it is not a JSON object"
        type_ = body.get("@type")
        if not isinstance(type_, str) or type_ not in REQUIRED:
            return f"its @type is {type_!r}"
        context = body.get("@context")
        if not isinstance(context, list) or f"{DSP}context.jsonld" not in context:
            return f"its @context is {context!r}"
        if foreign := [c for c in context if c not in (f"{DSP}context.jsonld", f"{DSP}odrl-profile.jsonld")]:
            return f"a peer cannot be expected to know the context {foreign[0]!r}"
        if missing := [name for name in REQUIRED[type_] if name not in body]:
            return f"{type_} has no {', '.join(missing)}"
        for check in self._checks.get(type_, ()):
            if problem := check(body):
                return problem
        return self._meaning(body) if self._contexts else ""

    def _load_schemas(self, folder: Path) -> int:
        registry: Registry[Any] = Registry()
        documents: dict[str, Any] = {}
        for path in sorted(folder.rglob("*.json")):
            # Three of the published transfer schemas point to "#definitions/...", which is no JSON pointer.
            text = path.read_text("utf-8").replace("#definitions/", "#/definitions/")
            # The suite's older contract schema writes "items": "string" where a schema must stand.
            document = json.loads(text.replace('"items": "string"', '"items": {"type": "string"}'))
            documents[document["$id"]] = document
            registry = registry.with_resource(document["$id"], Resource.from_contents(document))
        found = 0
        for type_ in REQUIRED:
            if document := documents.get(DSP + _schema_name(type_)):
                self._checks.setdefault(type_, []).append(_schema_check(document, registry))
                found += 1
        return found

    def _meaning(self, body: dict[str, Any]) -> str:
        """A peer loads only the two contexts of the standard: what is left of the message then?"""

        def load(url: str, _options: Any) -> dict[str, Any]:
            if url not in self._contexts:
                raise jsonld.JsonLdError(f"{url} is no context of the standard", "loading document failed")
            return {"contextUrl": None, "documentUrl": url, "document": self._contexts[url]}

        try:
            expanded = jsonld.expand(body, {"documentLoader": load})
        except jsonld.JsonLdError as error:
            return f"it cannot be read as JSON-LD: {_cause(error)}"
        node = expanded[0] if expanded else {}
        if node.get("@type") != [_type_iri(body["@type"])]:
            return f"as JSON-LD its type is {node.get('@type')}"
        for name in ("providerPid", "consumerPid", "state"):
            if body.get(name) and f"{DSP}{name}" not in node:
                return f"as JSON-LD it has no {name}"
        state = node.get(f"{DSP}state", [{}])[0].get("@id", "")
        if "state" in body and state != f"{DSP}{body['state']}":
            return f"as JSON-LD its state is {state!r}"
        return ""


def _type_iri(type_: str) -> str:
    return f"http://www.w3.org/ns/dcat#{type_}" if type_ in ("Catalog", "Dataset") else f"{DSP}{type_}"


def _schema_check(document: dict[str, Any], registry: Registry[Any]) -> Check:
    validator = Draft201909Validator(document, registry=registry)

    def check(body: dict[str, Any]) -> str:
        for error in validator.iter_errors(body):
            return f"against its schema: {error.json_path}: {error.message[:300]}"
        return ""

    return check


def _cause(error: Any) -> str:
    while getattr(error, "cause", None) is not None:
        error = error.cause
    return str(error).splitlines()[0][:200]
