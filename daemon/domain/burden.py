"""How much one person may be sent: a budget for each channel, and what is exempt from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from daemon.domain.ladder import Act, ActPolicy

FORMAL = frozenset(
    {
        Act.SUPERVISION_LETTER,
        Act.COMMENDATION,
        Act.CIRCULAR,
        Act.TALK,
        Act.ACCOUNTABILITY,
        Act.ESCALATION,
        Act.BRIEF,
    }
)
"""The acts that are documents of the office: no budget holds them, all of them count."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most messages that one person gets on one channel, a day and a week of office time.

    Weeks begin on Monday; ``None`` is no limit.
    """

    day: int | None = None
    week: int | None = None


DEFAULTS = {"sms": Budget(day=2)}
"""What holds for a channel that the rules say nothing of."""


def is_exempt(policy: ActPolicy) -> bool:
    """Whether an act leaves even where the budget is used up: it is signed for, approved, or formal.

    It counts all the same.
    """
    return bool(policy.sign_workdays or policy.approval) or policy.act in FORMAL


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
