"""Proves a contract export with PyJWT alone: python verify_contract.py FILE. Exit code 0 if all of it holds.

Compare the key thumbprints (RFC 7638) that it prints by another way: no file can prove whose keys they are.
"""

import hashlib
import json
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import jwt

bundle, claims = json.loads(Path(sys.argv[1]).read_text("utf-8")), {}
for name, token in bundle["tokens"].items():
    kid = jwt.get_unverified_header(token)["kid"]
    document = bundle["didDocuments"][kid.partition("#")[0]]
    (jwk,) = (method["publicKeyJwk"] for method in document["verificationMethod"] if method["id"] == kid)
    key = jwt.PyJWK(jwk)  # binds the algorithm to the key: ES256, ES384 or EdDSA
    read = jwt.PyJWS().decode_complete(token, key, [key.algorithm_name])
    one = claims[name] = json.loads(read["payload"])
    is_signers = document["id"] == one["iss"] == kid.partition("#")[0] and kid in document["assertionMethod"]
    if not is_signers or read["header"]["typ"] != f"madang-{name}+jwt":
        sys.exit(f"BROKEN: {name} is not a token of the signer it names")
    members = {member: jwk[member] for member in sorted(jwk.keys() & {"crv", "kty", "x", "y"})}
    thumb = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    print(f"{name}: {one['iss']} {urlsafe_b64encode(thumb).rstrip(b'=').decode()}")
agreed, policy = claims["agreement"], claims["agreement"]["policy"]
sides = [agreed["iss"], agreed["aud"]]  # the provider signs the agreement, the consumer its verification
canonical = json.dumps(policy, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
over = hashlib.sha256(bundle["tokens"]["agreement"].encode()).hexdigest()
is_right = policy == bundle["policy"] and policy["@id"] == bundle["agreementId"] and sides[0] != sides[1]
is_right &= hashlib.sha256(canonical).hexdigest() == agreed["policyDigest"]
is_right &= [policy["assigner"], policy["assignee"]] == sides and policy["target"] == agreed["dataset"]["id"]
for name, one in (("verification", claims["verification"]), *claims.items()):  # a verification there must be
    is_back = name == "verification" or (name == "withdrawal" and one["iss"] == sides[1])
    is_right &= [one["iss"], one.get("aud", sides[1])] == (sides[::-1] if is_back else sides)
    is_right &= all(one.get(pid, agreed[pid]) == agreed[pid] for pid in ("consumerPid", "providerPid"))
    is_right &= name in ("offer", "agreement") or one["over"] == over
sys.exit(print("consistent: one contract, signed by both") if is_right else "BROKEN: not one contract of two")
