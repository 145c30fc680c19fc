"""The stand-alone verifier finds every edit of an export, also when all hashes and heads are made anew."""

from __future__ import annotations

import ast
import json
import random
import shutil
import string
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ledger import standalone
from connector.ledger.log import LeafKind, Ledger, peek_head
from connector.ledger.merkle import leaf_hash

FILE = Path(standalone.__file__)


class Story:
    """A ledger of `count` leaves with a head kept by a counterparty in the middle and one at the end."""

    def __init__(self, kit, *, count: int = 12, held_at: int = 7, signer=None) -> None:
        self.kit = kit
        self.signer = signer or kit.RealSigner(kit.PROVIDER)
        self.ledger = Ledger(kit.PROVIDER)
        self.bodies: list[bytes] = []
        store = kit.SqliteLog()
        kit.fill(store, self.ledger, held_at)
        self.held = self.ledger.seal(store, self.signer, kit.START)
        kit.fill(store, self.ledger, count - held_at)
        self.ledger.seal(store, self.signer, kit.START + timedelta(minutes=1))
        self.bodies = list(store.ledger_bodies(0, count))
        self.lines = list(self.ledger.export(store, [self.signer.named_jwk]))
        self.pins = {kit.PROVIDER: [standalone.thumbprint(self.signer.jwk)]}

    def forge(self, bodies: list[bytes], signer=None, early: int = 7) -> list[bytes]:
        """An export of other leaves as their owner would make it: numbers, hashes and heads all new."""
        signer, store = signer or self.signer, self.kit.SqliteLog()
        for seq, body in enumerate(bodies):
            value = json.loads(body)
            self.ledger.append(
                store,
                LeafKind(value["kind"]),
                value["actor"],
                value["subject"],
                value["data"],
                self.kit.START + timedelta(seconds=seq),
            )
            if seq + 1 == early:
                self.ledger.seal(store, signer, self.kit.START)
        self.ledger.seal(store, signer, self.kit.START)
        return list(self.ledger.export(store, [signer.named_jwk]))


@pytest.fixture(scope="module")
def story(kit):
    return Story(kit)


def codes(result) -> list[str]:
    return [code for code, _ in result.findings]


def test_untouched_is_proved(story, kit):
    result = standalone.verify(story.lines, [story.held], story.pins)
    assert (result.verdict, result.exit_code, result.leaves, result.covered) == ("proved", 0, 12, 12)
    assert dict(result.thumbprints) == {story.signer.kid: story.pins[kit.PROVIDER][0]}
    unpinned = standalone.verify(story.lines, [story.held])
    assert (unpinned.verdict, unpinned.exit_code) == ("consistent", 3)
    assert "unpinned" in [code for code, _ in unpinned.lines]
    no_head = standalone.verify(story.lines, (), story.pins)
    assert no_head.exit_code == 0
    assert "unheld" in [code for code, _ in no_head.lines]
    assert "kept" in [code for code, _ in result.lines]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 31, 64])
def test_any_size(kit, count):
    for held_at in {0, 1, count // 2, count}:
        story = Story(kit, count=count, held_at=held_at)
        assert standalone.verify(story.lines, [story.held], story.pins).exit_code == 0


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_both_kinds_of_key(kit, algorithm):
    story = Story(kit, signer=kit.RealSigner(kit.PROVIDER, algorithm=algorithm))
    assert standalone.verify(story.lines, [story.held], story.pins).exit_code == 0
    other = kit.RealSigner(kit.PROVIDER, algorithm=algorithm)
    lines = [*story.lines[:-1], json.dumps({"keys": [other.named_jwk]}).encode()]
    assert codes(standalone.verify(lines, (), story.pins)) == ["signature"]


def test_every_flipped_bit_is_found(story):
    """One random bit in every single byte of the file."""
    dice = random.Random(20261124)
    raw = b"".join(story.lines)
    kept = []
    for position in range(len(raw)):
        edited = bytearray(raw)
        edited[position] ^= 1 << dice.randrange(8)
        result = standalone.verify(bytes(edited).splitlines(keepends=True), (), story.pins)
        if result.exit_code == 0:
            kept.append((position, bytes(edited[position - 20 : position + 20])))
    assert kept == []


def test_every_dropped_doubled_or_swapped_line_is_found(story):
    lines = story.lines
    middle_head = next(i for i, line in enumerate(lines) if line.startswith(b'{"head"'))
    for i in range(len(lines)):
        dropped = standalone.verify(lines[:i] + lines[i + 1 :], (), story.pins)
        # An older head adds nothing to the newest one: taking it out takes no leaf out.
        assert (dropped.exit_code == 0) == (i == middle_head), lines[i]
        doubled = standalone.verify(lines[: i + 1] + lines[i:], (), story.pins)
        assert (doubled.exit_code == 0) == lines[i].startswith(b'{"head"'), lines[i]
        for j in range(i):
            swapped = list(lines)
            swapped[i], swapped[j] = swapped[j], swapped[i]
            are_heads = lines[i].startswith(b'{"head"') and lines[j].startswith(b'{"head"')
            assert (standalone.verify(swapped, (), story.pins).exit_code == 0) == are_heads
    for i in range(len(lines)):
        assert standalone.verify(lines[:i], (), story.pins).exit_code == 1


def test_every_truncated_byte_is_found(story):
    raw = b"".join(story.lines)
    for end in range(0, len(raw) - 1, 7):
        lines = raw[:end].splitlines(keepends=True)
        assert standalone.verify(lines, (), story.pins).exit_code == 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_log_rewritten_with_all_hashes_and_heads_is_found_by_the_held_head(story, data):
    """The owner itself forges: leaves renumbered, tree rebuilt, heads signed again with the true key."""
    bodies = list(story.bodies)
    at = data.draw(st.integers(0, 6), label="leaf under the held head")
    match data.draw(st.sampled_from(["change", "drop", "add", "swap", "cut"]), label="edit"):
        case "change":
            value = json.loads(bodies[at])
            value["data"]["bytes"] += data.draw(st.integers(1, 10**9), label="by")
            bodies[at] = json.dumps(value).encode()
        case "drop":
            del bodies[at]
        case "add":
            bodies.insert(at, bodies[data.draw(st.integers(0, 11).filter(lambda i: i != at), label="copy")])
        case "swap":
            other = data.draw(st.integers(0, 11).filter(lambda i: i != at), label="with")
            bodies[at], bodies[other] = bodies[other], bodies[at]
        case "cut":
            del bodies[at:]
    lines = story.forge(bodies)
    # Without the held head this log is spotless: that is what the counterparty's copy is for.
    assert standalone.verify(lines, (), story.pins).exit_code == 0
    result = standalone.verify(lines, [story.held], story.pins)
    assert result.exit_code == 1
    assert codes(result) == [("cut" if len(bodies) < 7 else "changed")]


def test_the_finding_names_the_span(story, kit):
    signer = story.signer
    store, ledger = kit.SqliteLog(), Ledger(kit.PROVIDER)
    held = []
    for seq in range(12):
        kit.fill(store, ledger, 1)
        if seq in (2, 5, 8):
            held.append(ledger.seal(store, signer, kit.START))
    bodies = list(store.ledger_bodies(0, 12))
    good = [leaf_hash(body) for body in bodies]
    bodies[4] = bodies[4].replace(b'"bytes":4000', b'"bytes":4001')
    assert leaf_hash(bodies[4]) != good[4]
    lines = [
        story.lines[0],
        *(json.dumps({"seq": i, "body": body.decode()}).encode() for i, body in enumerate(bodies)),
        json.dumps({"keys": [signer.named_jwk]}).encode(),
    ]
    findings = standalone.verify(lines, held, story.pins).findings
    assert [(code, params["first"], params["last"]) for code, params in findings] == [
        ("changed", 3, 5),
        ("changed", 3, 8),
    ]


def test_a_gap_is_named(story):
    result = standalone.verify([*story.lines[:4], *story.lines[5:]], (), story.pins)
    assert result.findings == (("gap", {"where": 3, "found": 4}),)


def test_the_owners_own_heads_do_not_narrow_the_span(story):
    """A forger signs what it likes: only heads held elsewhere say up to where the log is sound."""
    bodies = [story.bodies[1], *story.bodies[1:]]
    findings = standalone.verify(story.forge(bodies, early=3), [story.held], story.pins).findings
    assert [(code, params["first"], params["last"]) for code, params in findings] == [("changed", 0, 6)]


def test_a_strangers_key_among_the_keys_signs_nothing(story, kit):
    stranger = kit.RealSigner(kit.CONSUMER)
    claims = {"iss": kit.PROVIDER, "at": "now", "size": 0, "root": standalone.sha256(b"").hexdigest()}
    token = stranger.sign(claims, typ="madang-tree-head+jwt")
    lines = [*story.lines[:-1], json.dumps({"keys": [story.signer.named_jwk, stranger.named_jwk]}).encode()]
    assert codes(standalone.verify(lines, [token], story.pins)) == ["token"]


def test_a_second_spelling_of_a_signature_is_refused(story):
    """64 bytes leave four spare bits in their last base64url character."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    spelled = story.held[:-1] + alphabet[alphabet.index(story.held[-1]) + 1]
    assert codes(standalone.verify(story.lines, [spelled], story.pins)) == ["signature"]


def test_another_key_is_told(story, kit):
    thief = kit.RealSigner(kit.PROVIDER)
    forged = story.forge(story.bodies[:-1], thief)
    assert standalone.verify(forged).exit_code == 3
    assert codes(standalone.verify(forged, (), story.pins)) == ["unsigned"]
    assert codes(standalone.verify(forged, [story.held])) == ["signature"]
    renamed = story.forge(story.bodies[:-1], kit.RealSigner(kit.PROVIDER, name="key-9"))
    assert codes(standalone.verify(renamed, [story.held])) == ["signature"]
    stranger = kit.RealSigner(kit.CONSUMER)
    lines = [*story.lines[:-1], json.dumps({"keys": [story.signer.named_jwk, stranger.named_jwk]}).encode()]
    assert codes(standalone.verify(lines, [kit.sealed_head(stranger)])) == ["token"]


def test_a_rotated_key(kit):
    old, new = kit.RealSigner(kit.PROVIDER), kit.RealSigner(kit.PROVIDER, name="key-2", algorithm="EdDSA")
    store, ledger = kit.SqliteLog(), Ledger(kit.PROVIDER)
    kit.fill(store, ledger, 4)
    held = ledger.seal(store, old, kit.START)
    kit.fill(store, ledger, 4)
    ledger.seal(store, new, kit.START)
    lines = list(ledger.export(store, [old.named_jwk, new.named_jwk]))
    prints = {name: standalone.thumbprint(key.jwk) for name, key in (("old", old), ("new", new))}
    only_new = standalone.verify(lines, [held], {kit.PROVIDER: [prints["new"]]})
    assert (only_new.exit_code, only_new.covered) == (0, 8)
    only_old = standalone.verify(lines, [held], {kit.PROVIDER: [prints["old"]]})
    assert (only_old.exit_code, only_old.covered) == (3, 4)
    assert ("tail", {"covered": 4}) in only_old.lines


def test_leaves_under_no_head_are_never_proved(story, kit):
    store, ledger = kit.SqliteLog(), Ledger(kit.PROVIDER)
    kit.fill(store, ledger, 5)
    ledger.seal(store, story.signer, kit.START)
    kit.fill(store, ledger, 2)
    lines = list(ledger.export(store, [story.signer.named_jwk]))
    result = standalone.verify(lines, (), story.pins)
    assert (result.exit_code, result.leaves, result.covered) == (3, 7, 5)
    bare = [line for line in lines if not line.startswith(b'{"head"')]
    assert codes(standalone.verify(bare, (), story.pins)) == ["unsigned"]
    empty = list(Ledger(kit.PROVIDER).export(kit.SqliteLog(), []))
    assert standalone.verify(empty, (), story.pins).exit_code == 3


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{",
        b'{"seq":12,"body":"{}"}',
        b'{"seq":12,"body":"5"}',
        b'{"seq":12,"body":7}',
        b'{"seq":12,"body":"{\\"seq\\":11}"}',
        b'{"seq":12,"body":"{\\"seq\\":12}","more":1}',
        b'{"seq":12,"seq":12,"body":"{\\"seq\\":12}"}',
        b'{"seq":12,"body":"{\\"seq\\":12,\\"x\\":\\"\\\\ud800\\"}","\\ud800":1}',
        b'{"head":5}',
        b'{"head":"a.b.c"}',
        b'{"keys":5}',
        b'{"keys":[5]}',
        b'{"format":"madang-ledger/1","did":"did:web:factory-b.example"}',
        b"[" * 100_000,
    ],
)
def test_foreign_lines_break_it_and_never_crash(story, line):
    at = 13  # after the last leaf
    result = standalone.verify([*story.lines[:at], line + b"\n", *story.lines[at:]], (), story.pins)
    assert result.exit_code == 1
    assert result.text("ko")
    assert result.text("en")


@pytest.mark.parametrize(
    "first", [b'{"format":"madang-ledger/2","did":"did:web:factory-a.example"}\n', b'{"did":"x"}\n']
)
def test_another_format_is_refused(story, first):
    assert codes(standalone.verify([first, *story.lines[1:]], (), story.pins)) == ["line"]


@pytest.mark.parametrize(
    "claim", [{"size": "7"}, {"size": -1}, {"root": 5}, {"at": None}, {"iss": "did:web:x.example"}]
)
def test_signed_nonsense_is_refused(story, claim):
    claims = {"iss": story.signer.did, "at": "now", "size": 0, "root": standalone.sha256(b"").hexdigest()}
    good = story.signer.sign(claims, typ="madang-tree-head+jwt")
    assert standalone.verify(story.lines, [good], story.pins).exit_code == 0
    token = story.signer.sign(claims | claim, typ="madang-tree-head+jwt")
    assert standalone.verify(story.lines, [token], story.pins).exit_code == 1
    if "iss" in claim:
        assert codes(standalone.verify(story.lines, [token], story.pins)) == ["token"]


def test_a_head_of_another_type_or_algorithm_is_refused(story):
    claims = {"iss": story.signer.did, "at": "now", "size": 0, "root": standalone.sha256(b"").hexdigest()}
    good = story.signer.sign(claims, typ="madang-tree-head+jwt")
    assert standalone.verify(story.lines, [good], story.pins).exit_code == 0
    assert codes(standalone.verify(story.lines, [story.signer.sign(claims, typ="JWT")])) == ["token"]
    header, body, signature = good.split(".")
    for member in ("crit", "b64"):
        extended = standalone.base64(
            json.dumps({**json.loads(standalone.unbase64(header)), member: []}).encode()
        )
        assert codes(standalone.verify(story.lines, [f"{extended}.{body}.{signature}"])) == ["token"]
    for alg in ("none", "ES384", "EdDSA", "HS256", None):
        other = json.loads(standalone.unbase64(header)) | {"alg": alg}
        token = f"{standalone.base64(json.dumps(other).encode())}.{body}.{signature}"
        assert codes(standalone.verify(story.lines, [token])) == ["signature"]


def test_hostile_text_cannot_paint_the_screen(story, kit):
    did = "did:web:factory-a.example\x1b[2J\nPROVED"
    signer = kit.RealSigner(did)
    ledger, store = Ledger(did), kit.SqliteLog()
    kit.fill(store, ledger, 1)
    ledger.seal(store, signer, kit.START)
    result = standalone.verify(list(ledger.export(store, [signer.named_jwk])))
    for lang in ("ko", "en"):
        text = result.text(lang)
        assert "\x1b" not in text
        assert "PROVED" not in text.splitlines()


def test_both_languages_say_the_same_things():
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for code, (korean, english) in standalone.TEXTS.items():
        assert fields(korean) == fields(english), code
        assert any("가" <= letter <= "힣" for letter in korean), code
        assert english.isascii(), code


def test_it_stands_alone():
    source = FILE.read_text("utf-8")
    assert len(source.splitlines()) < 300
    roots = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add(str(node.module).partition(".")[0])
    assert roots - sys.stdlib_module_names == {"cryptography"}


def test_as_a_program(tmp_path, story, kit, contract):
    program = shutil.copy(FILE, tmp_path / "check.py")
    export, head = tmp_path / "ledger.ndjson", tmp_path / "head.jws"
    export.write_bytes(b"".join(story.lines))
    head.write_text(story.held + "\n")
    pin = f"{kit.PROVIDER}={story.pins[kit.PROVIDER][0]}"

    def run(*arguments: object) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", program, *map(str, arguments)], capture_output=True, check=False
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    code, said = run(export, "--head", head, "--pin", pin, "--lang", "en")
    assert code == 0, said
    assert said.startswith("PROVED\n")
    assert story.pins[kit.PROVIDER][0] in said
    export.write_bytes(b"".join(story.forge(story.bodies[:5])))
    code, said = run(export, "--head", head, "--pin", pin, "--lang", "ko")
    assert code == 1, said
    assert said.startswith("깨짐\n")


def test_its_exit_codes(tmp_path, story, kit, contract, capsys):
    export, head = tmp_path / "ledger.ndjson", tmp_path / "head.jws"
    export.write_bytes(b"".join(story.lines))
    head.write_text(story.held)
    pin = f"{kit.PROVIDER}={story.pins[kit.PROVIDER][0]}"
    assert standalone.main([str(export), "--head", str(head), "--pin", pin]) == 0
    assert standalone.main([str(export), "--head", str(head)]) == 3
    assert standalone.main([str(export), "--pin", f"{kit.PROVIDER}=AAAA"]) == 1
    assert standalone.main([str(export), "--pin", f"{kit.PROVIDER}=AAAA", "--pin", pin]) == 0
    capsys.readouterr()
    assert standalone.main([str(tmp_path / "nothing")]) == 2
    assert standalone.main([str(export), "--head", str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        standalone.main([str(export), "--pin", "AAAA"])
    assert caught.value.code == 2


def test_heads_inside_a_contract_export(tmp_path, kit):
    """The counterparty keeps no loose heads: they came with the agreement it has."""
    story = Story(kit)
    contract = kit.Contract()
    contract.provider = story.signer
    bundle = contract.export({"agreement": {"treeHead": story.held}})
    held, export = tmp_path / "contract.json", tmp_path / "ledger.ndjson"
    held.write_text(json.dumps(bundle), "utf-8")
    pin = f"{kit.PROVIDER}={story.pins[kit.PROVIDER][0]}"
    export.write_bytes(b"".join(story.lines))
    assert standalone.gather_held(held.read_text("utf-8"), kit.PROVIDER) == [story.held]
    assert standalone.main([str(export), "--head", str(held), "--pin", pin]) == 0
    export.write_bytes(b"".join(story.forge(story.bodies[:6])))
    assert standalone.main([str(export), "--pin", pin]) == 0
    assert standalone.main([str(export), "--head", str(held), "--pin", pin]) == 1
    for text in ("{}", "{", json.dumps({"tokens": {}}), json.dumps(bundle | {"tokens": {"agreement": "a"}})):
        held.write_text(text)
        assert standalone.main([str(export), "--head", str(held), "--pin", pin]) == 2


def test_the_held_head_is_what_the_product_signs(story):
    assert peek_head(story.held).size == 7
