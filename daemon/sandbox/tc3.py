"""The verifier's half of TC3-HMAC-SHA256, written from Tencent Cloud's description of it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.sandbox.request import Request

ALGORITHM = "TC3-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=(?P<id>[^/ ,]+)/(?P<date>\d{4}-\d\d-\d\d)/(?P<service>[a-z]+)/tc3_request,"
    r" ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of the API as a whole: the provider's code, and its words."""

    code: str
    message: str


def canonical_request(request: Request, signed: Sequence[str]) -> str:
    lines = "".join(f"{name}:{request.headers.get(name, '').strip().lower()}\n" for name in signed)
    body = hashlib.sha256(request.body).hexdigest()
    return "\n".join((request.method, request.path, request.query, lines, ";".join(signed), body))


def signature(secret_key: str, canonical: str, *, timestamp: int, date: str, service: str) -> str:
    """Return the signature that the holder of the key would give."""
    scope = f"{date}/{service}/tc3_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = _hmac(key, part)
    return _hmac(key, f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashed}").hex()


def refusal(request: Request, keys: Mapping[str, str], service: str, wall: datetime) -> Refusal | None:
    """Say why a request is not authentic; None where it is."""
    claim = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    stamp = request.headers.get("x-tc-timestamp", "")
    if claim is None or not re.fullmatch(r"\d{1,11}", stamp):
        return Refusal("AuthFailure.InvalidAuthorization", "the Authorization header is malformed")
    signed_at = datetime.fromtimestamp(int(stamp), UTC)
    if abs(wall - signed_at) > MAX_SKEW:
        return Refusal("AuthFailure.SignatureExpire", "the signature has expired: check the clock")
    if claim["id"] not in keys:
        return Refusal("AuthFailure.SecretIdNotFound", "the SecretId is not found")
    if not _proven(request, claim, keys[claim["id"]], service, signed_at):
        return Refusal("AuthFailure.SignatureFailure", "the signature does not match what was received")
    return None


def _proven(
    request: Request, claim: re.Match[str], secret_key: str, service: str, signed_at: datetime
) -> bool:
    signed = claim["signed"].split(";")
    day = signed_at.date().isoformat()
    if (claim["service"], claim["date"]) != (service, day) or not {"content-type", "host"} <= set(signed):
        return False
    canonical = canonical_request(request, signed)
    expected = signature(
        secret_key, canonical, timestamp=int(signed_at.timestamp()), date=day, service=service
    )
    return hmac.compare_digest(expected, claim["signature"])


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
