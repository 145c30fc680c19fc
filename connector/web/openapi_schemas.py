"""The schemas of the management side's bodies and answers, for `openapi`."""

from __future__ import annotations

from typing import Any, Final

from connector.model.names import EDC, MMD
from connector.model.process import Approval, NegotiationState, Role, TransferState
from connector.service.indexing import FACETS
from connector.service.searching import Order
from connector.web.query import MAX_LIMIT, OPERATORS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "integer"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_MILLIS: Final[Schema] = {"type": "integer", "description": "Milliseconds since 1970."}
_OBJECT: Final[Schema] = {"type": "object"}
_WORDS: Final[Schema] = {"type": "object", "properties": {"ko": _TEXT, "en": _TEXT}}
_CONTEXT: Final[Schema] = {"description": f"JSON-LD context; at least @vocab {EDC}."}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_POLICY: Final[Schema] = {
    "type": "object",
    "description": "An ODRL policy: permission, prohibition, obligation.",
}
_APPROVAL: Final[Schema] = {"enum": ["automatic", "manual"]}
_INITIAL: Final = "INITIAL"


def _of(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _edc(properties: Schema, *required: str) -> Schema:
    return _of({"@context": _CONTEXT, "@type": _TEXT, **properties}, *required)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_PARTNER: Final[Schema] = {"counterPartyAddress": _TEXT, "counterPartyId": _TEXT, "protocol": _TEXT}
_TARGET: Final[Schema] = {
    "target": {"type": "string", "description": "A DID, an address, or the id of a static peer."},
    "participant": _TEXT,
}
_TERMS: Final[Schema] = {"policy": _POLICY, "templates": _TEXTS, "params": _OBJECT}
_CONTRACT: Final[Schema] = {
    "id": _TEXT,
    "role": {"enum": [r.value for r in Role]},
    "peer": _TEXT,
    "dataset": _TEXT,
    "state": {"enum": ["holds", "withdrawn", "ended"]},
    "signed": {"type": "boolean"},
    "since": _TIME,
    "until": {"type": ["string", "null"]},
    "uses": _NUMBER,
    "bytes": _NUMBER,
    "last": {"type": ["string", "null"]},
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Error": _of(
        {
            "message": _TEXT,
            "type": _TEXT,
            "path": {"type": ["string", "null"]},
            "invalidValue": {"type": "null"},
            "code": {"type": "string", "description": "See docs/errors.md."},
        },
        "message",
        "type",
        "code",
    ),
    "Object": _OBJECT,
    "Text": _TEXT,
    "Health": _of({"status": _TEXT, "missing": _TEXTS, "paused": {"type": "boolean"}}, "status", "missing"),
    "Reason": _of({"reason": _TEXT}),
    "Id": _of({"id": _TEXT}, "id"),
    # --- ours -----------------------------------------------------------------------------------
    "Status": _of(
        {
            "at": _TIME,
            "public": {"type": "array", "items": _OBJECT},
            "waiting": {"type": "array", "items": _OBJECT},
            "unmade": {
                "type": "array",
                "items": _OBJECT,
                "description": "The newest negotiations that ended without a contract, with the reason.",
            },
            "given": {"type": "array", "items": _of(_CONTRACT)},
            "taken": {"type": "array", "items": _of(_CONTRACT)},
            "ended": {"type": "array", "items": _of(_CONTRACT)},
            "left": _of({"uses": _NUMBER, "bytes": _NUMBER}),
            "refused": {"type": "array", "items": _OBJECT},
        },
        "at",
        "public",
    ),
    "Publish": _of(
        {
            "path": {"type": "string", "description": "Absolute path of a file or folder."},
            **_TERMS,
            "visibleTo": _TEXTS,
            "id": _TEXT,
            "description": _OBJECT,
            "approval": _APPROVAL,
        },
        "path",
    ),
    "Published": _of(
        {
            "id": _TEXT,
            "version": _NUMBER,
            "outcome": {"enum": ["created", "updated", "unchanged"]},
            "sha256": _TEXT,
            "size": _NUMBER,
            "offers": _TEXTS,
            "terms": _WORDS,
            "enforcement": {"type": "array", "items": _OBJECT},
            "notes": _TEXTS,
        },
        "id",
        "version",
        "outcome",
    ),
    "Target": _of({**_TARGET, "limit": _NUMBER, "offset": _NUMBER, "page": _TEXT}, "target"),
    "CatalogPage": _of({"catalog": _OBJECT, "next": {"type": ["string", "null"]}}, "catalog", "next"),
    "Search": _of(
        {
            "q": {"type": "string", "description": "A line in Korean or English; see docs/search.md."},
            **dict.fromkeys(FACETS, _TEXTS),
            **dict.fromkeys(("rowsMin", "rowsMax", "limit"), _NUMBER),
            "intervalMin": {"type": "number", "description": "Seconds."},
            "intervalMax": {"type": "number", "description": "Seconds."},
            "sort": {"enum": [o.value for o in Order]},
            "after": {"type": "string", "description": "`next` of the page before."},
        }
    ),
    "Found": _of(
        {
            "asked": {"type": "object", "description": "What the question was understood as."},
            "total": _NUMBER,
            "results": {"type": "array", "items": _OBJECT},
            "facets": {"type": "object", "description": "For each facet its values, each with a count."},
            "ranges": _OBJECT,
            "next": {"type": ["string", "null"]},
        },
        "asked",
        "total",
        "results",
        "facets",
        "ranges",
        "next",
    ),
    "Request": _of({**_TARGET, "dataset": _TEXT, **_TERMS}, "target", "dataset"),
    "Offer": _of({**_TARGET, "dataset": _TEXT, **_TERMS}, "target", "dataset"),
    "Terms": _of(_TERMS),
    "Negotiation": _of(
        {
            "id": _TEXT,
            "role": {"enum": [r.value for r in Role]},
            "peer": _TEXT,
            "dataset": _TEXT,
            "state": {"enum": [_INITIAL, *(s.value for s in NegotiationState)]},
            "shownState": {
                "type": "string",
                "description": "EDC's name, with -ING while a message is on its way.",
            },
            "approval": {"enum": [a.value for a in Approval]},
            "agreement": _TEXT,
            "reason": _TEXT,
            "reasonBy": {"type": ["string", "null"]},
            "offer": _POLICY,
            "terms": _WORDS,
            "createdAt": _TIME,
            "updatedAt": _TIME,
            "expiresAt": _TIME,
        },
        "id",
        "state",
    ),
    "Contract": _of(
        {
            **_CONTRACT,
            "negotiation": _TEXT,
            "provider": _TEXT,
            "consumer": _TEXT,
            "datasetVersion": _NUMBER,
            "sha256": _TEXT,
            "terms": _WORDS,
            "enforcement": {"type": "array", "items": _OBJECT},
            "policy": _POLICY,
            "withdrawn": {"type": ["object", "null"]},
            "transfers": {"type": "array", "items": _ref("Transfer")},
        },
        "id",
        "state",
    ),
    "Proof": _of(
        {
            "format": {"const": "madang-contract/1"},
            "agreementId": _TEXT,
            "terms": _WORDS,
            "tokens": _OBJECT,
            "didDocuments": _OBJECT,
            "policy": _POLICY,
        },
        "format",
        "agreementId",
    ),
    "Transfer": _of(
        {
            "id": _TEXT,
            "role": {"enum": [r.value for r in Role]},
            "peer": _TEXT,
            "agreement": _TEXT,
            "dataset": _TEXT,
            "format": _TEXT,
            "state": {"enum": [_INITIAL, *(s.value for s in TransferState)]},
            "shownState": _TEXT,
            "purpose": _TEXT,
            "suspendedBy": {"type": ["string", "null"]},
            "reason": _TEXT,
            "reasonBy": {"type": ["string", "null"]},
            "createdAt": _TIME,
            "updatedAt": _TIME,
            "expiresAt": _TIME,
        },
        "id",
        "state",
    ),
    "Pull": _of({"agreement": _TEXT, "purpose": _TEXT, "folder": _TEXT}, "agreement"),
    "PullLines": {
        "type": "string",
        "description": 'Lines {"done": n, "total": n or null}, and last {"result": …} or {"error": …}.',
    },
    "Events": {
        "type": "string",
        "description": "Server-sent events; data is {number, at, type, subject, data}.",
    },
    "LedgerLines": {"type": "string", "description": "See docs/ledger.md."},
    "Backup": _of({"path": {"type": "string", "description": "Absolute path of a new file."}}, "path"),
    "BackedUp": _of({"path": _TEXT, "size": _NUMBER, "files": _TEXTS, "leaves": _NUMBER}, "path", "size"),
    "Confirm": _of({"anyway": {"type": "boolean"}}),
    "Confirmed": _of({"outcome": _TEXT, "withdrawn": _TEXTS, "unreachable": _OBJECT}, "outcome"),
    "Template": _of(
        {
            "name": _TEXT,
            "title": _WORDS,
            "description": _WORDS,
            "parameters": _OBJECT,
            "example": _OBJECT,
            "enforcement": _OBJECT,
        },
        "name",
    ),
    "DidDocument": _of({"id": _TEXT}, "id"),
    # --- EDC's ----------------------------------------------------------------------------------
    "IdResponse": _edc({"@id": _TEXT, "createdAt": _MILLIS}, "@id", "createdAt"),
    "Criterion": _edc(
        {"operandLeft": _TEXT, "operator": {"enum": sorted(OPERATORS)}, "operandRight": {}},
        "operandLeft",
        "operator",
    ),
    "QuerySpec": _edc(
        {
            "offset": {"type": "integer", "minimum": 0},
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            "sortOrder": {"enum": ["ASC", "DESC"]},
            "sortField": _TEXT,
            "filterExpression": {"type": "array", "items": _ref("Criterion")},
        }
    ),
    "DataAddress": _edc(
        {"type": _TEXT, "endpoint": _TEXT, "endpointType": _TEXT, "authType": _TEXT, "authorization": _TEXT},
        "type",
    ),
    "Asset": _edc(
        {
            "@id": _TEXT,
            "properties": _OBJECT,
            "privateProperties": _OBJECT,
            "dataAddress": {
                "type": "object",
                "description": 'A file here: {"type": "File", "path": …}. An HttpData address is only '
                "described in the catalog, not served.",
            },
        }
    ),
    "PolicyDefinition": _edc({"@id": _TEXT, "policy": _POLICY, "privateProperties": _OBJECT}, "policy"),
    "PolicyValidationResult": _edc({"isValid": {"type": "boolean"}, "errors": _TEXTS}, "isValid", "errors"),
    "ContractDefinition": _edc(
        {
            "@id": _TEXT,
            "accessPolicyId": _TEXT,
            "contractPolicyId": _TEXT,
            "assetsSelector": {"type": "array", "items": _ref("Criterion")},
            "approval": _APPROVAL,
            MMD + "approval": _APPROVAL,
        },
        "accessPolicyId",
        "contractPolicyId",
    ),
    "CatalogRequest": _edc({**_PARTNER, "querySpec": _ref("QuerySpec")}, "counterPartyAddress"),
    "Catalog": {"type": "object", "description": "The partner's own words (DSP 2025-1 §6)."},
    "DatasetRequest": _edc({**_PARTNER, "@id": _TEXT}, "@id", "counterPartyAddress"),
    "Dataset": {"type": "object", "description": "The partner's own words (DSP 2025-1 §6)."},
    "ContractRequest": _edc({**_PARTNER, "policy": _POLICY}, "counterPartyAddress", "policy"),
    "ContractNegotiation": _edc(
        {
            "@id": _TEXT,
            "type": {"enum": [r.value for r in Role]},
            "protocol": _TEXT,
            "state": _TEXT,
            "counterPartyId": _TEXT,
            "counterPartyAddress": _TEXT,
            "callbackAddresses": {"type": "array"},
            "createdAt": _MILLIS,
            "stateTimestamp": _MILLIS,
            "assetId": _TEXT,
            "correlationId": _TEXT,
            "contractAgreementId": _TEXT,
            "errorDetail": _TEXT,
        },
        "@id",
        "state",
    ),
    "State": _edc({"state": _TEXT}, "state"),
    "ContractAgreement": _edc(
        {
            "@id": _TEXT,
            "agreementId": _TEXT,
            "assetId": _TEXT,
            "policy": _POLICY,
            "contractSigningDate": {"type": "integer", "description": "Seconds since 1970."},
            "consumerId": _TEXT,
            "providerId": _TEXT,
        },
        "@id",
    ),
    "TransferRequest": _edc(
        {
            **_PARTNER,
            "contractId": _TEXT,
            "transferType": {"const": "HttpData-PULL"},
            "purpose": _TEXT,
            MMD + "purpose": _TEXT,
            "dataDestination": _OBJECT,
        },
        "contractId",
    ),
    "TransferProcess": _edc(
        {
            "@id": _TEXT,
            "type": {"enum": [r.value for r in Role]},
            "state": _TEXT,
            "stateTimestamp": _MILLIS,
            "correlationId": _TEXT,
            "assetId": _TEXT,
            "contractId": _TEXT,
            "transferType": _TEXT,
            "errorDetail": _TEXT,
        },
        "@id",
        "state",
    ),
    "EndpointDataReferenceEntry": _edc(
        {
            "@id": _TEXT,
            "transferProcessId": _TEXT,
            "agreementId": _TEXT,
            "contractNegotiationId": _TEXT,
            "assetId": _TEXT,
            "providerId": _TEXT,
            "createdAt": _MILLIS,
        },
        "@id",
    ),
}
