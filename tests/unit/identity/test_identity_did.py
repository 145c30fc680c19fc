"""did:web both ways, our document, and reading documents of others."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.errors import BadInput, PeerFailed
from connector.identity.did import (
    did_document,
    did_from_url,
    is_did,
    parse_did_document,
    url_of_did,
    withdrawal_url,
)
from connector.model.identity import Relationship, ServiceEntry

DID = "did:web:factory-a.example"

PAIRS = [
    ("https://factory-a.example", DID, "https://factory-a.example/.well-known/did.json"),
    ("https://factory-a.example/", DID, "https://factory-a.example/.well-known/did.json"),
    ("https://factory-a.example:443", DID, "https://factory-a.example/.well-known/did.json"),
    ("https://Factory-A.example", DID, "https://factory-a.example/.well-known/did.json"),
    ("https://factory-a:8443", "did:web:factory-a%3A8443", "https://factory-a:8443/.well-known/did.json"),
    ("https://p.example/eu/a/", "did:web:p.example:eu:a", "https://p.example/eu/a/did.json"),
    ("https://p.example:81/a", "did:web:p.example%3A81:a", "https://p.example:81/a/did.json"),
    (
        "https://p.example/공장",
        "did:web:p.example:%EA%B3%B5%EC%9E%A5",
        "https://p.example/%EA%B3%B5%EC%9E%A5/did.json",
    ),
]

TRICKS = [
    "",
    "did:web:",
    "did:key:z6Mk",
    "DID:web:a.example",
    "web:a.example",
    "did:web:a.example:",
    "did:web:a.example::b",
    "did:web::a",
    "did:web:a.example:..",
    "did:web:a.example:.",
    "did:web:a.example:b:..:c",
    "did:web:a.example:%2e%2e",
    "did:web:a.example:b%2Fc",
    "did:web:a.example:b%5Cc",
    "did:web:a.example:%00",
    "did:web:a.example:b/c",
    "did:web:a.example:b?c",
    "did:web:a.example#key-1",
    "did:web:a.example/b",
    "did:web:user@a.example",
    "did:web:user%40a.example",
    "did:web:a.example%2Fb",
    "did:web:a.example%3A",
    "did:web:a.example%3A0",
    "did:web:a.example%3A99999",
    "did:web:a.example%3A443%3A444",
    "did:web:a.example%3A44a",
    "did:web:a..example",
    "did:web:.a.example",
    "did:web:a.example.",
    "did:web:-a.example",
    "did:web:A.example",
    "did:web:a example",
    "did:web:a.example\n",
    "did:web:[::1]",
    "did:web:a.example:b c",
    "did:web:a.example:공장",
    "did:web:" + "a" * 600,
    None,
    7,
]


@pytest.mark.parametrize(("public_url", "did", "document_url"), PAIRS)
def test_from_url_to_did_to_url(public_url, did, document_url):
    assert did_from_url(public_url) == did
    assert url_of_did(did) == document_url
    assert is_did(did)


@pytest.mark.parametrize("did", TRICKS)
def test_tricks_in_a_did_are_refused(did):
    assert not is_did(did)
    with pytest.raises(BadInput) as caught:
        url_of_did(did)
    assert caught.value.pointer == "did"


@pytest.mark.parametrize(
    "url",
    [
        "factory-a.example",
        "ftp://factory-a.example",
        "https://",
        "https://user@factory-a.example",
        "https://factory-a.example?x=1",
        "https://factory-a.example#x",
        "https://factory-a.example:99999",
        "https://factory-a.example/a//b",
        "https://factory-a.example/../b",
        "https://factory-a.example/a%2Fb",
        "https://[::1]:8443",
        "https://공장.example",
    ],
)
def test_a_url_without_a_did_is_refused(url):
    with pytest.raises(BadInput):
        did_from_url(url)


def test_plain_http_only_for_hosts_that_are_listed():
    did = "did:web:localhost%3A8081:holder"
    plain, secure = "http://localhost:8081/holder/did.json", "https://localhost:8081/holder/did.json"
    assert url_of_did(did) == secure
    assert url_of_did(did, http_hosts=frozenset({"localhost:8081"})) == plain
    assert url_of_did(did, http_hosts=frozenset({"localhost"})) == plain
    assert url_of_did(did, http_hosts=frozenset({"localhost:8082", "ocalhost:8081"})) == secure
    assert url_of_did(DID, http_hosts=frozenset({"factory-a.example:80"})).startswith("http://")


@given(st.text(alphabet="abAZ01.:%/-_@?#3A2Fe\\ \0é", max_size=30))
@example("a.example%3A80:x")
def test_a_did_never_leads_to_another_host_or_out_of_its_path(rest):
    try:
        url = url_of_did("did:web:" + rest)
    except BadInput:
        return
    parts = urlsplit(url)
    authority, *path = rest.split(":")
    assert parts.netloc == authority.replace("%3A", ":").replace("%3a", ":")
    assert parts.path.split("/")[1:-1] == (path or [".well-known"])
    assert not {"", ".", ".."} & set(parts.path.split("/")[1:])
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")


def test_our_document_reads_back(factory_a):
    document = factory_a.document
    jwk = factory_a.ring.public_jwks["keys"][0]
    kid = factory_a.ring.signer.kid
    assert document.id == DID
    assert document.keys() == {kid: jwk}
    assert jwk["kid"] == kid
    assert jwk["alg"] == "ES256"
    for use in (
        Relationship.AUTHENTICATION,
        Relationship.ASSERTION_METHOD,
        Relationship.CAPABILITY_INVOCATION,
    ):
        assert document.keys(use) == {kid: jwk}
    assert document.keys(Relationship.KEY_AGREEMENT) == {}
    assert document.method(kid).jwk == jwk
    assert document.method(kid + "x") is None
    assert factory_a.json["verificationMethod"][0]["type"] == "JsonWebKey2020"
    assert factory_a.json["@context"][0] == "https://www.w3.org/ns/did/v1"


def test_the_services_are_where_the_protocol_looks_for_them(factory_a):
    document = factory_a.document
    assert document.service("DataService").endpoint == "https://factory-a.example/.well-known/dspace-version"
    assert document.service("CatalogService").endpoint == "https://factory-a.example/dsp/2025-1/catalog"
    assert (
        withdrawal_url(document, "urn:uuid:1/../x")
        == "https://factory-a.example/dsp/2025-1/agreements/urn%3Auuid%3A1%2F..%2Fx/withdrawal"
    )
    assert document.service("CredentialService") is None
    ids = [s.id for s in document.services]
    assert len(set(ids)) == len(ids)
    assert all(i.startswith(DID + "#") for i in ids)


def test_services_under_a_prefix_and_further_ones():
    did = "did:web:p.example:a"
    extra = ServiceEntry(f"{did}#credential-service", "CredentialService", "https://p.example/a/dcp")
    value = did_document(did, [], "https://p.example/a/dsp/", services=[extra])
    document = parse_did_document(value, did)
    assert document.service("DataService").endpoint == "https://p.example/a/.well-known/dspace-version"
    assert document.service("CatalogService").endpoint == "https://p.example/a/dsp/catalog"
    assert document.service("CredentialService") == extra
    rooted = did_document(did, [], "https://p.example/a/dsp", root_url="http://p.example:8080/a/")
    assert rooted["service"][0]["serviceEndpoint"] == "http://p.example:8080/a/.well-known/dspace-version"
    without = parse_did_document({"id": did}, did)
    assert withdrawal_url(without, "x") is None


def test_a_document_is_read_from_bytes_and_kept(factory_a):
    raw = json.dumps(factory_a.json).encode()
    document = parse_did_document(raw, DID)
    assert document == factory_a.document
    assert document.source == factory_a.json


def changed(value, **members):
    return {**value, **members}


def test_what_cannot_be_trusted_is_refused(factory_a):
    good = factory_a.json
    method = good["verificationMethod"][0]
    private = {**method["publicKeyJwk"], "d": "AAAA"}
    bad = {
        "its id": changed(good, id="did:web:factory-b.example"),
        "its id is 'None'": {k: v for k, v in good.items() if k != "id"},
        "stands in it twice": changed(good, verificationMethod=[method, method]),
        "in it twice": changed(good, authentication=[method]),
        "private key": changed(good, verificationMethod=[{**method, "publicKeyJwk": private}]),
        "not a list": changed(good, verificationMethod={}),
        "'service' is not a list": changed(good, service={}),
        "no object with an id": changed(good, verificationMethod=["#key-1"]),
        "is no object": changed(good, verificationMethod=[{**method, "id": 7}]),
        "a service is not an object": changed(good, service=["x"]),
        "more than 64 verification": changed(
            good, verificationMethod=[{**method, "id": f"#k{n}"} for n in range(65)]
        ),
        "more than 64 services": changed(good, service=[{} for _ in range(65)]),
    }
    for reason, value in bad.items():
        with pytest.raises(PeerFailed, match=reason) as caught:
            parse_did_document(value, DID)
        assert caught.value.reason_code == "did-invalid"
    for raw in (b"", b"[]", b"<html>", b'{"id":"a","id":"a"}', b"{" + b" " * (256 * 1024)):
        with pytest.raises(PeerFailed):
            parse_did_document(raw, DID)


def test_relative_ids_and_embedded_methods_are_understood(factory_a):
    jwk = factory_a.ring.public_jwks["keys"][0]
    value = {
        "id": DID,
        "verificationMethod": [
            {"id": "#one", "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": jwk}
        ],
        "assertionMethod": ["#one"],
        "authentication": [f"{DID}#one", {"id": "#two", "type": "JsonWebKey", "publicKeyJwk": jwk}],
        "service": [
            {"id": "#s", "type": ["A", "B"], "serviceEndpoint": "https://x.example"},
            {"id": "#object", "type": "C", "serviceEndpoint": {"uri": "https://x.example"}},
        ],
    }
    document = parse_did_document(value, DID)
    assert {m.id: m.relationships for m in document.methods} == {
        f"{DID}#one": {Relationship.AUTHENTICATION, Relationship.ASSERTION_METHOD},
        f"{DID}#two": {Relationship.AUTHENTICATION},
    }
    assert [(s.id, s.type) for s in document.services] == [(f"{DID}#s", "A"), (f"{DID}#s", "B")]


def test_keys_of_others_and_keys_we_cannot_read_are_left_out(factory_a):
    method = factory_a.json["verificationMethod"][0]
    other = "did:web:factory-b.example"
    value = {
        "id": DID,
        "verificationMethod": [
            {**method, "id": f"{other}#key-1", "controller": other},
            {**method, "id": f"{DID}x#key-1"},
            {**method, "id": "#controlled", "controller": other},
            {"id": "#multikey", "type": "Multikey", "controller": DID, "publicKeyMultibase": "z6Mk"},
        ],
        "capabilityInvocation": [f"{other}#key-1", "#controlled", "#multikey", "#nowhere"],
    }
    assert parse_did_document(value, DID).methods == ()


def test_dsp_service_entries_fit_the_schema(factory_a):
    folder = Path(os.environ.get("MADANG_REFERENCE", "../shared")) / "data/dsp/schemas"
    found = list(folder.rglob("did-service-schema.json"))
    if not found:
        pytest.skip("no reference schemas here")
    import jsonschema

    schema = json.loads(found[0].read_text())["definitions"]["DidService"]
    entry = next(s for s in factory_a.json["service"] if s["type"] == "CatalogService")
    del schema["properties"]["@context"]
    jsonschema.validate(entry, schema)
