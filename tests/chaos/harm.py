"""The seeded stream of faults: what is done, where, and at the so-manieth time that something is passed."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.chaos.seams import IN_TRANSACTION, SCAN_SEAMS, WORK_SEAMS

SCANNERS = ("scan-0", "scan-1")
WORKERS = ("work-0", "work-1")
PROCESSES = (*SCANNERS, *WORKERS)
CHANNELS = ("wecom", "wecom", "sms", "email", "email")

SEAMS: dict[str, str] = {
    "rules-read": "",
    "planned": "after_plan",
    "storing": "",
    "stored": "after_commit",
    "releasing": "",
    "addressed": "after_commit",
    "released": "after_commit",
    "hint-marked": "",
    "hinted": "after_hint",
    "swept": "",
    "claimed": "after_claim",
    "judged": "",
    "looked": "",
    "opened": "after_attempt",
    "sent": "after_bytes",
    "recording": "before_record",
    "recorded": "",
}
"""Our seams, and the words of the journal for those that it has a word for."""

BETWEEN = frozenset({"after_bytes", "before_record"})
"""Where a process has sent, and has not yet recorded that it did."""

PROVIDER: Sequence[tuple[str, int]] = (
    ("timeout_after_accept", 3),
    ("drip", 1),
    ("reset", 3),
    ("refuse", 2),
    ("5xx", 4),
    ("throttle", 3),
    ("expired_token", 1),
)
"""How a provider fails, and how often as compared with the others."""
DOUBTFUL = frozenset({"timeout_after_accept", "drip", "reset", "slow"})
WORDS = {
    "timeout_after_accept": "provider_timeout",
    "drip": "provider_drip",
    "reset": "provider_reset",
    "refuse": "provider_refused",
    "5xx": "provider_5xx",
    "throttle": "provider_throttle",
    "expired_token": "provider_token",
    "slow": "slow",
}


@dataclass(frozen=True, slots=True)
class Harm:
    """One fault to come. ``after``: at the so-manieth pass of its seam, or change that the driver sees.

    For what is away: the steps after which it comes back.
    """

    kind: str
    target: str = ""
    seam: str = ""
    after: int = 1
    number: int = 0


AWAY: dict[str, tuple[str, ...]] = {
    "scanners_away": SCANNERS,
    "workers_away": WORKERS,
    "provider_away": ("sandbox",),
    "valkey_away": (),
    "room_away": (),
}
"""What is away for hours or days of office time, and the processes that are ended for so long.

Room: the database is full to the brim, for the services; the office finds place for what it enters.
"""
STEPS_AWAY = (1, 1, 2, 3, 4, 8)
"""For how many steps: some four make a working day."""

COMMON: Sequence[tuple[str, float]] = (
    ("seam_kill", 44),
    ("kill", 14),
    ("pause", 10),
    ("provider", 20),
    ("valkey_flushed", 3),
    ("valkey_stopped", 3),
    ("valkey_killed", 2),
    ("provider_killed", 1),
    ("two_rule_sets", 2),
    *((kind, 0.5) for kind in AWAY if kind != "room_away"),
)
OF_SQLITE: Sequence[tuple[str, float]] = (
    ("disk_full", 4),
    ("database_full", 4),
    ("power_loss", 2),
    ("room_away", 0.5),
)
OF_POSTGRES: Sequence[tuple[str, float]] = (("database_cut", 6), ("database_restarted", 1))


def draw(chance: random.Random, database: str, only: Collection[str] = ()) -> Harm:
    """Draw the next fault, of these kinds only if any are named (``pause``, or ``pause:planned``)."""
    kinds = [*COMMON, *(OF_SQLITE if database == "sqlite" else OF_POSTGRES)]
    seams = {kind: seam for kind, _, seam in (each.partition(":") for each in only)}
    kinds = [(kind, weight) for kind, weight in kinds if not only or kind in seams]
    kind = chance.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
    match kind:
        case "seam_kill":
            return _at_seam(chance, "kill", seams.get(kind, ""))
        case "disk_full":
            return _at_seam(chance, "disk_full", seams.get(kind, ""))
        case "pause":
            return _at_seam(chance, "pause", seams.get(kind, ""))
        case "two_rule_sets":
            return Harm(
                kind, chance.choice(SCANNERS), "rules-read", chance.randint(1, 3), chance.randrange(10**9)
            )
        case "kill":
            return Harm(kind, chance.choice(PROCESSES), after=chance.randint(1, 8))
        case "provider":
            how = chance.choices([k for k, _ in PROVIDER], [w for _, w in PROVIDER])[0]
            channel = "wecom" if how == "expired_token" else chance.choice(CHANNELS)
            return Harm(how, channel, number=chance.choice([1, 1, 1, 2, 3]))
        case _ if kind in AWAY:
            return Harm(kind, after=chance.choice(STEPS_AWAY))
    return Harm(kind, after=chance.randint(1, 6), number=chance.randrange(1000))


def _at_seam(chance: random.Random, kind: str, seam: str) -> Harm:
    """Draw a seam, unless it is given. Who is paused must not hold what all others wait for."""
    workers = seam in WORK_SEAMS if seam else chance.random() < 0.6
    seams = WORK_SEAMS if workers else (*SCAN_SEAMS, "planned", "stored")
    drawn = chance.choice([each for each in seams if not (kind == "pause" and each in IN_TRANSACTION)])
    seam = seam or drawn
    target = chance.choice(WORKERS if workers else SCANNERS)
    most = 3 if seam in ("swept", "rules-read") or workers else 2
    return Harm(kind, target, seam, chance.randint(1, most), chance.randrange(10**9))
