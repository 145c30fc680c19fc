"""A contract is proved from its file alone, and each thing that is not right in the file is found."""

from __future__ import annotations

import copy
import json
import string
import subprocess
import sys
from pathlib import Path

import pytest

from connector.ledger.jws import thumbprint
from connector.ledger.proof import Verdict, verify_contract
from connector.ledger.proof_texts import HEADINGS, TEXTS
from connector.model.canonical import digest

EXAMPLE = Path(__file__).parents[3] / "examples" / "verify_contract.py"


@pytest.fixture(scope="module")
def good(contract):
    return contract.export()


@pytest.fixture(scope="module")
def pins(contract, kit):
    return {kit.PROVIDER: thumbprint(contract.provider.jwk), kit.CONSUMER: thumbprint(contract.consumer.jwk)}


def findings(bundle, pins) -> list[tuple[str, str]]:
    report = verify_contract(bundle, pins)
    assert report.verdict is (Verdict.BROKEN if report.findings else Verdict.PROVED)
    assert report.exit_code == (1 if report.findings else 0)
    assert not (report.findings and report.proved)
    assert report.text("ko")
    assert report.text("en")
    return [(one.code, one.params["where"]) for one in report.findings]


def run_example(tmp_path, bundle) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "contract.json"
    file.write_text(json.dumps(bundle, ensure_ascii=False), "utf-8")
    return subprocess.run(
        [sys.executable, "-I", str(EXAMPLE), str(file)], capture_output=True, text=True, check=False
    )


def test_a_whole_contract_is_proved(good, pins, kit):
    assert findings(good, pins) == []
    report = verify_contract(good, pins)
    assert (report.provider, report.consumer, report.is_withdrawn) == (kit.PROVIDER, kit.CONSUMER, True)
    assert report.thumbprints == {did: (one,) for did, one in pins.items()}
    assert [one.code for one in report.proved] == [
        "agreed",
        "verification-signed",
        "withdrawal-signed",
        "offer-equal",
        "head-held",
        "head-held",
    ]
    assert [one.code for one in report.not_proved] == ["terms", "clocks", "delivered"]


def test_without_pins_it_is_consistent_only(good, pins, kit):
    for known in ({}, {kit.PROVIDER: pins[kit.PROVIDER]}, {"did:web:other.example": "x"}):
        report = verify_contract(good, known)
        assert (report.verdict, report.exit_code) == (Verdict.UNPINNED, 3)
        missing = [one.params["did"] for one in report.not_proved if one.code == "whose-key"]
        assert set(missing) == set(pins) - set(known)
    for thumb in pins.values():
        assert thumb in verify_contract(good, {}).text("en")
        assert thumb in verify_contract(good, {}).text("ko")


def test_a_pin_that_says_another_key(good, pins, kit):
    assert findings(good, pins | {kit.CONSUMER: pins[kit.PROVIDER]}) == [("pin", kit.CONSUMER)]
    both = {kit.CONSUMER: ["old-thumbprint", pins[kit.CONSUMER]], kit.PROVIDER: [pins[kit.PROVIDER]]}
    assert verify_contract(good, both).verdict is Verdict.PROVED


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "PS256"])
def test_every_algorithm(kit, algorithm):
    contract = kit.Contract((algorithm, algorithm))
    known = {s.did: thumbprint(s.jwk) for s in (contract.provider, contract.consumer)}
    assert verify_contract(contract.export(), known).verdict is Verdict.PROVED


def test_offer_and_withdrawal_may_be_missing(contract, pins):
    assert findings(contract.export(leave_out=("offer", "withdrawal")), pins) == []
    report = verify_contract(contract.export(leave_out=("withdrawal",)), pins)
    assert "still-valid" in [one.code for one in report.not_proved]
    assert not report.is_withdrawn


@pytest.mark.parametrize("name", ["agreement", "verification"])
def test_agreement_and_verification_may_not(contract, good, pins, name):
    bundle = copy.deepcopy(good)
    del bundle["tokens"][name]
    assert ("missing", name) in findings(bundle, pins)


def test_the_consumer_may_withdraw_too(contract, pins, kit):
    change = {"withdrawal": {"iss": kit.CONSUMER, "aud": kit.PROVIDER}}
    assert findings(contract.export(change), pins) == []


OTHER = "did:web:factory-c.example"
PROVIDER, CONSUMER = "did:web:factory-a.example", "did:web:factory-b.example"
IAT = 1_795_510_800


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("verification", {"aud": OTHER}, ("parties", "verification")),
        ("verification", {"iss": PROVIDER, "aud": CONSUMER}, ("parties", "verification")),
        ("verification", {"aud": None}, ("parties", "verification")),
        ("verification", {"aud": [PROVIDER]}, ("parties", "verification")),
        ("withdrawal", {"aud": OTHER}, ("parties", "withdrawal")),
        ("withdrawal", {"aud": PROVIDER}, ("parties", "withdrawal")),
        ("offer", {"aud": OTHER}, ("parties", "offer")),
        ("offer", {"iss": CONSUMER}, ("parties", "offer")),
        ("verification", {"consumerPid": "urn:uuid:other"}, ("pid", "verification.consumerPid")),
        ("verification", {"providerPid": None}, ("pid", "verification.providerPid")),
        ("withdrawal", {"providerPid": "urn:uuid:other"}, ("pid", "withdrawal.providerPid")),
        ("offer", {"consumerPid": "urn:uuid:other"}, ("pid", "offer.consumerPid")),
        ("agreement", {"consumerPid": None}, ("pid", "agreement.consumerPid")),
        ("agreement", {"providerPid": 5}, ("pid", "agreement.providerPid")),
        ("verification", {"over": "00" * 32}, ("over", "verification")),
        ("verification", {"over": None}, ("over", "verification")),
        ("withdrawal", {"over": None}, ("over", "withdrawal")),
        ("withdrawal", {"over": "00" * 32}, ("over", "withdrawal")),
        ("agreement", {"policyDigest": "00" * 32}, ("policy-digest", "agreement")),
        ("agreement", {"policyDigest": None}, ("policy-digest", "agreement")),
        ("offer", {"policyDigest": "00" * 32}, ("policy-digest", "offer")),
        ("offer", {"policy": None}, ("policy-digest", "offer")),
        ("offer", {"policy": [], "policyDigest": digest([])}, ("policy-digest", "offer")),
        ("verification", {"policyDigest": "00" * 32}, ("other-policy", "verification")),
        ("withdrawal", {"policyDigest": "00" * 32}, ("other-policy", "withdrawal")),
        ("verification", {"policy": {"a": 1}}, ("policy-digest", "verification")),
        ("agreement", {"policy": None}, ("member", "agreement.policy")),
        ("agreement", {"policy": "all"}, ("member", "agreement.policy")),
        ("agreement", {"dataset": None}, ("member", "agreement.dataset")),
        ("agreement", {"dataset": {"id": "urn:uuid:shot-log"}}, ("member", "agreement.dataset")),
        ("verification", {"dataset": {"id": "urn:uuid:x", "version": "1"}}, ("dataset", "verification")),
        ("withdrawal", {"dataset": {}}, ("dataset", "withdrawal")),
        ("offer", {"dataset": None}, ("dataset", "offer")),
        ("offer", {"exp": None}, ("expiry", "offer")),
        ("offer", {"exp": IAT - 600}, ("expiry", "offer")),
        ("agreement", {"exp": 1}, ("expiry", "agreement")),
        ("agreement", {"exp": "later"}, ("expiry", "agreement")),
        ("agreement", {"iat": "now"}, ("member", "agreement.jti, agreement.iat")),
        ("agreement", {"iat": True}, ("member", "agreement.jti, agreement.iat")),
        ("agreement", {"iat": 10**15}, ("member", "agreement.jti, agreement.iat")),
        ("verification", {"iat": None}, ("member", "verification.jti, verification.iat")),
        ("verification", {"jti": ""}, ("member", "verification.jti, verification.iat")),
        ("verification", {"iat": IAT - 16}, ("order", "verification")),
        ("withdrawal", {"iat": IAT - 16}, ("order", "withdrawal")),
        ("offer", {"iat": IAT + 16}, ("order", "offer")),
        ("verification", {"jti": "a-1"}, ("jti", "jti")),
        ("agreement", {"treeHead": "a.b.c"}, ("head", "agreement")),
        ("verification", {"treeHead": 5}, ("head", "verification")),
        ("agreement", {"aud": PROVIDER}, ("same-party", "agreement")),
        ("agreement", {"aud": None}, ("parties", "agreement")),
        ("agreement", {"aud": OTHER}, ("policy-party", "agreement.policy.assignee")),
        ("agreement", {"iss": CONSUMER, "aud": PROVIDER}, ("policy-party", "agreement.policy.assigner")),
    ],
)
def test_every_claim_counts(contract, pins, name, change, expected):
    """The signer itself signs something else: signatures hold, the contract does not."""
    assert expected in findings(contract.export({name: change}), pins)


@pytest.mark.parametrize("seconds", [-15, 0, 15])
def test_small_skew_is_no_fault(contract, pins, seconds):
    assert findings(contract.export({"verification": {"iat": IAT + seconds}}), pins) == []


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("assigner", CONSUMER, "agreement.policy.assigner"),
        ("assigner", None, "agreement.policy.assigner"),
        ("assignee", PROVIDER, "agreement.policy.assignee"),
        ("assignee", OTHER, "agreement.policy.assignee"),
        ("target", "urn:uuid:another-dataset", "agreement.policy.target"),
    ],
)
def test_the_policy_names_these_parties_and_this_data(contract, pins, member, value, expected):
    bundle = contract.export(agreement_policy={member: value})
    assert findings(bundle, pins) == [("policy-party", expected)]


def test_parties_may_be_written_as_objects(contract, pins):
    bundle = contract.export(agreement_policy={"assigner": {"@id": PROVIDER}, "assignee": {"@id": CONSUMER}})
    assert findings(bundle, pins) == []


def test_an_agreement_on_other_rules_is_said(contract, pins):
    rules = {"permission": [{"action": "use"}, {"action": "read"}], "prohibition": []}
    report = verify_contract(contract.export(agreement_policy=rules), pins)
    assert report.verdict is Verdict.PROVED
    assert "offer-differs" in [one.code for one in report.proved]


@pytest.mark.parametrize("name", ["offer", "agreement", "verification", "withdrawal"])
def test_every_token_is_bound_to_its_signer_and_type(contract, good, pins, kit, name):
    did = CONSUMER if name == "verification" else PROVIDER
    mine = contract.consumer if did == CONSUMER else contract.provider
    thief = kit.RealSigner(did, algorithm=mine.algorithm)
    assert ("signature", name) in findings(contract.export(signers={name: thief}), pins)
    foreign = kit.RealSigner(OTHER)
    assert ("kid", name) in findings(contract.export(signers={name: foreign}), pins)
    unlisted = kit.RealSigner(did, name="key-2", key=mine.key, algorithm=mine.algorithm)
    assert ("kid", name) in findings(contract.export(signers={name: unlisted}), pins)
    other = "madang-offer+jwt" if name != "offer" else "madang-agreement+jwt"
    assert ("typ", name) in findings(contract.export(headers={name: {"typ": other}}), pins)
    bundle = copy.deepcopy(good)
    head, body, signature = bundle["tokens"][name].split(".")
    bundle["tokens"][name] = f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{signature}"
    assert {code for code, where in findings(bundle, pins) if where == name} & {"signature", "form"}
    for junk in ("", "a.b.c", 5, None):
        bundle["tokens"][name] = junk
        assert findings(bundle, pins)


def test_a_token_of_another_contract_does_not_fit(contract, good, pins):
    other = contract.export({"agreement": {"jti": "a-2"}})
    for name in ("verification", "withdrawal"):
        bundle = copy.deepcopy(good)
        bundle["tokens"][name] = other["tokens"][name]
        assert findings(bundle, pins) == [("over", name)]


def test_a_foreign_head_is_refused(contract, pins, kit):
    change = {"agreement": {"treeHead": kit.sealed_head(contract.consumer)}}
    assert findings(contract.export(change), pins) == [("head", "agreement")]


def first_method(bundle):
    return bundle["didDocuments"][CONSUMER]["verificationMethod"][0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda b: b.update(format="madang-contract/2"), "format"),
        (lambda b: b.pop("tokens"), "member"),
        (lambda b: b.update(tokens=[]), "member"),
        (lambda b: b.pop("didDocuments"), "member"),
        (lambda b: b["didDocuments"].pop(PROVIDER), "no-document"),
        (lambda b: b["didDocuments"].update({PROVIDER: b["didDocuments"][CONSUMER]}), "no-document"),
        (lambda b: b["didDocuments"][CONSUMER].update(id=OTHER), "no-document"),
        (lambda b: b["didDocuments"][CONSUMER].update(assertionMethod=[]), "kid"),
        (lambda b: first_method(b).update(controller=OTHER), "kid"),
        (lambda b: first_method(b)["publicKeyJwk"].update(kty="oct"), "key"),
        (lambda b: first_method(b)["publicKeyJwk"].update(d="AA"), "key"),
        (lambda b: b["didDocuments"][CONSUMER]["verificationMethod"].append(first_method(b)), "document"),
        (lambda b: b.update(agreementId="urn:uuid:agreement-2"), "agreement-id"),
        (lambda b: b["policy"]["permission"][0].update(action="sell"), "bundle-policy"),
        (lambda b: b.pop("policy"), "bundle-policy"),
        (lambda b: b.update(policy=0.5), "bundle-policy"),
        (lambda b: b["tokens"].update(extra="a.b.c"), "unknown-token"),
    ],
)  # fmt: skip
def test_every_part_of_the_file_counts(good, pins, change, code):
    bundle = copy.deepcopy(good)
    change(bundle)
    assert code in [found for found, _ in findings(bundle, pins)]


def test_what_is_not_signed_is_said_to_be(good, pins):
    bundle = copy.deepcopy(good)
    bundle["terms"]["ko"] = "무엇이든"
    report = verify_contract(bundle, pins)
    assert report.verdict is Verdict.PROVED
    assert "terms" in [one.code for one in report.not_proved]


def test_a_key_rotated_between_agreement_and_withdrawal(kit):
    contract = kit.Contract()
    newer = kit.RealSigner(PROVIDER, name="key-2", algorithm="EdDSA")
    bundle = contract.export(signers={"withdrawal": newer})
    bundle["didDocuments"][PROVIDER] = contract.provider.document(newer)
    prints = [thumbprint(contract.provider.jwk), thumbprint(newer.jwk)]
    known = {CONSUMER: thumbprint(contract.consumer.jwk), PROVIDER: prints}
    report = verify_contract(bundle, known)
    assert report.verdict is Verdict.PROVED
    assert report.thumbprints[PROVIDER] == tuple(prints)
    assert findings(bundle, known | {PROVIDER: prints[0]}) == [("pin", PROVIDER)]


def test_the_report_for_programs(good, pins):
    report = verify_contract(good, pins)
    said = json.loads(json.dumps(report.as_json()))
    assert said["verdict"] == "proved"
    assert said["thumbprints"] == {did: [one] for did, one in pins.items()}
    assert said["proved"][0]["sha256"] == "ab" * 32


def test_hostile_text_cannot_paint_the_screen(good):
    bundle = copy.deepcopy(good) | {"agreementId": "x\x1b[2J\nPROVED"}
    text = verify_contract(bundle, {}).text("en")
    assert "\x1b" not in text
    assert "PROVED" not in text.splitlines()


def test_both_languages_say_the_same_things():
    for code, (korean, english) in {**HEADINGS, **TEXTS}.items():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (korean, english)
        ]
        assert fields[0] == fields[1], code
        assert any("가" <= letter <= "힣" for letter in korean), code


def test_the_example_is_short():
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 40
    assert "connector" not in EXAMPLE.read_text("utf-8")


@pytest.mark.parametrize("algorithms", [("ES256", "EdDSA"), ("EdDSA", "ES384")])
def test_the_example_agrees_on_a_good_contract(tmp_path, kit, algorithms):
    contract = kit.Contract(algorithms)
    for leave_out in ((), ("offer", "withdrawal")):
        done = run_example(tmp_path, contract.export(leave_out=leave_out))
        assert done.returncode == 0, done.stderr
        for signer in (contract.provider, contract.consumer):
            assert f"{signer.did} {thumbprint(signer.jwk)}" in done.stdout


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("verification", {"over": "00" * 32}),
        ("withdrawal", {"over": None}),
        ("verification", {"aud": OTHER}),
        ("verification", {"iss": PROVIDER, "aud": CONSUMER}),
        ("withdrawal", {"aud": PROVIDER}),
        ("offer", {"aud": OTHER}),
        ("verification", {"consumerPid": "urn:uuid:other"}),
        ("agreement", {"policyDigest": "00" * 32}),
        ("agreement", {"aud": OTHER}),
    ],
)
def test_the_example_finds_what_is_wrong(tmp_path, contract, name, change):
    assert run_example(tmp_path, contract.export({name: change})).returncode == 1


def test_the_example_finds_forged_signatures_and_files(tmp_path, contract, good, kit):
    forged = contract.export(signers={"agreement": kit.RealSigner(PROVIDER)})
    assert run_example(tmp_path, forged).returncode == 1
    assert run_example(tmp_path, contract.export(headers={"offer": {"typ": "JWT"}})).returncode == 1
    assert run_example(tmp_path, contract.export(leave_out=("verification",))).returncode == 1
    assert run_example(tmp_path, {**good, "agreementId": "urn:uuid:agreement-2"}).returncode == 1
