"""Generated messages of every kind, and the standard's own schemas, examples and contexts."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import strategies as st
from referencing import Registry, Resource

from connector.model import messages as m

REFERENCE = Path(os.environ.get("MADANG_REFERENCE", "../shared")).resolve() / "data"
DSP = REFERENCE / "dsp"
needs_reference = pytest.mark.skipif(
    not DSP.is_dir(), reason=f"the standard's schemas and examples are not at {DSP} (MADANG_REFERENCE)"
)
BASE = "https://w3id.org/dspace/2025/1/"
SCHEMAS = {
    "ContractRequestMessage": "negotiation/contract-request-message",
    "ContractOfferMessage": "negotiation/contract-offer-message",
    "ContractAgreementMessage": "negotiation/contract-agreement-message",
    "ContractAgreementVerificationMessage": "negotiation/contract-agreement-verification-message",
    "ContractNegotiationEventMessage": "negotiation/contract-negotiation-event-message",
    "ContractNegotiationTerminationMessage": "negotiation/contract-negotiation-termination-message",
    "ContractNegotiation": "negotiation/contract-negotiation",
    "ContractNegotiationError": "negotiation/contract-negotiation-error",
    "TransferRequestMessage": "transfer/transfer-request-message",
    "TransferStartMessage": "transfer/transfer-start-message",
    "TransferCompletionMessage": "transfer/transfer-completion-message",
    "TransferSuspensionMessage": "transfer/transfer-suspension-message",
    "TransferTerminationMessage": "transfer/transfer-termination-message",
    "TransferProcess": "transfer/transfer-process",
    "TransferError": "transfer/transfer-error",
    "Catalog": "catalog/catalog",
    "Dataset": "catalog/dataset",
    "CatalogError": "catalog/catalog-error",
    "CatalogRequestMessage": "catalog/catalog-request-message",
}


def _schemas() -> dict[str, Any]:
    found = {}
    for path in sorted((DSP / "schemas").rglob("*.json")):
        # Three of the published files miss the slash of a JSON pointer.
        text = path.read_text("utf-8").replace("#definitions/", "#/definitions/")
        schema = json.loads(text)
        found[schema["$id"]] = schema
    return found


class Standard:
    """Validates bodies against the schemas of the standard."""

    def __init__(self) -> None:
        schemas = _schemas()
        registry: Any = Registry().with_resources(
            [(name, Resource.from_contents(schema)) for name, schema in schemas.items()]
        )
        self._validators = {
            type_: jsonschema.Draft201909Validator(schemas[f"{BASE}{name}-schema.json"], registry=registry)
            for type_, name in SCHEMAS.items()
        }

    def check(self, body: dict[str, Any]) -> None:
        """Raises jsonschema.ValidationError if the body is not what its @type says."""
        self._validators[body["@type"]].validate(body)


# --- generated messages -----------------------------------------------------------------------

texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x7f"), min_size=1, max_size=40
)
iris = st.one_of(
    st.uuids(version=4).map(lambda u: f"urn:uuid:{u}"),
    st.from_regex(r"https://[a-z]{1,8}\.example/[a-z0-9/-]{1,12}", fullmatch=True),
)
urls = st.from_regex(r"https?://[a-z]{1,8}\.example(:[1-9][0-9]{1,3})?(/[a-z0-9]{1,6}){0,3}", fullmatch=True)
dids = st.from_regex(r"did:web:[a-z]{1,10}\.example", fullmatch=True)
tokens = st.one_of(
    st.just(""),
    st.from_regex(r"[A-Za-z0-9_-]{4,20}\.[A-Za-z0-9_-]{4,20}\.[A-Za-z0-9_-]{4,20}", fullmatch=True),
)
_typed = st.builds(
    lambda n: {"@value": str(n), "@type": "http://www.w3.org/2001/XMLSchema#integer"}, st.integers(0, 10**9)
)
_atomic = st.fixed_dictionaries(
    {
        "leftOperand": st.sampled_from(
            [
                "http://www.w3.org/ns/odrl/2/count",
                "https://w3id.org/edc/v0.0.1/ns/inForceDate",
                "http://www.w3.org/ns/odrl/2/purpose",
            ]
        ),
        "operator": st.sampled_from(["eq", "neq", "gt", "gteq", "lt", "lteq", "isAnyOf", "isNoneOf"]),
        "rightOperand": st.one_of(texts, _typed, st.lists(texts, min_size=1, max_size=3, unique=True)),
    }
)
_constraint = st.one_of(
    _atomic,
    st.builds(
        lambda op, parts: {op: parts},
        st.sampled_from(["and", "or", "xone"]),
        st.lists(_atomic, min_size=1, max_size=2),
    ),
)
_rule = st.builds(
    lambda action, constraints: {"action": action} | ({"constraint": constraints} if constraints else {}),
    st.sampled_from(["use", "http://www.w3.org/ns/odrl/2/distribute"]),
    st.lists(_constraint, max_size=2),
)
_rules = st.builds(
    lambda permissions, prohibitions: (
        {"permission": permissions} | ({"prohibition": prohibitions} if prohibitions else {})
    ),
    st.lists(_rule, min_size=1, max_size=2),
    st.lists(_rule, max_size=2),
)
offers = st.builds(
    lambda rules, id_, target: {"@type": "Offer", "@id": id_, **rules, "target": target}, _rules, iris, iris
)
agreements = st.builds(
    lambda rules, id_, target, one, other: {
        "@type": "Agreement",
        "@id": id_,
        **rules,
        "target": target,
        "assigner": one,
        "assignee": other,
        "timestamp": "2026-11-24T09:00:00.000Z",
    },
    _rules,
    iris,
    iris,
    dids,
    dids,
)
addresses = st.builds(
    lambda endpoint, pairs: {
        "@type": "DataAddress",
        "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
        "endpoint": endpoint,
        "endpointProperties": [{"@type": "EndpointProperty", "name": n, "value": v} for n, v in pairs],
    },
    urls,
    st.lists(st.tuples(texts, texts), min_size=1, max_size=3),
)
_both = {"id": iris, "consumer_pid": iris, "provider_pid": iris}
_why = {"code": st.one_of(st.just(""), texts), "reason": st.lists(texts, max_size=3).map(tuple)}
_maybe_address = st.one_of(st.none(), addresses)
everything = st.one_of(
    st.builds(m.ContractRequest, id=iris, consumer_pid=iris, offer=offers, callback=urls, token=tokens),
    st.builds(m.ContractRequest, **_both, offer=offers, token=tokens),
    st.builds(m.ContractOffer, id=iris, provider_pid=iris, offer=offers, callback=urls, token=tokens),
    st.builds(m.ContractOffer, **_both, offer=offers, token=tokens),
    st.builds(m.ContractAccepted, **_both),
    st.builds(m.ContractFinalized, **_both),
    st.builds(m.ContractAgreement, **_both, agreement=agreements, token=tokens),
    st.builds(m.ContractVerification, **_both, token=tokens),
    st.builds(m.ContractTermination, **_both, **_why),
    st.builds(
        m.TransferRequest,
        id=iris,
        consumer_pid=iris,
        agreement_id=iris,
        format=st.just("HttpData-PULL"),
        callback=urls,
        data_address=_maybe_address,
        declaration=tokens,
        wants_refresh=st.booleans(),
    ),
    st.builds(m.TransferStart, **_both, data_address=_maybe_address),
    st.builds(m.TransferCompletion, **_both),
    st.builds(m.TransferSuspension, **_both, **_why),
    st.builds(m.TransferTermination, **_both, **_why, withdrawal=tokens),
)


def urn() -> str:
    """A new IRI."""
    return f"urn:uuid:{uuid.uuid4()}"
