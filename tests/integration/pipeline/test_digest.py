"""What one person is told at one hour by the same ways is one message, whatever the acts (design.md §5)."""

from __future__ import annotations

from tests.integration.office import Office

GROUP = """
  group:
    about: case
    from: due
    rungs:
      group: {at: +1 workday, act: escalation, to: [group.leader], bundle: brief}
  again:
    about: case
    from: due
    rungs:
      late: {at: +2 workdays, act: brief, to: [group.leader], bundle: brief}
"""
MIXED = """
  office:
    about: case
    from: due
    rungs:
      told: {at: -3 workdays, act: notice, to: [unit.liaison, office.duty]}
  urge:
    about: case
    from: due
    rungs:
      urge: {at: -3 workdays, act: urge, to: [unit.liaison, office.duty]}
"""


def cards(office: Office) -> dict[str, tuple[str, str]]:
    """Return the title and the text of each card, by who read it."""
    contents = {handed.message.name: handed.message.content for handed in office.wire.taken}
    return {name: (str(c["title"]), str(c["description"])) for name, c in contents.items()}


def test_a_group_member_never_gets_one_message_per_case(office: Office) -> None:
    """Five cases on two ladders: one message on Monday, and no other in the week."""
    office.obey(GROUP)
    for n in range(5):
        office.case(f"A-{n}", due="2018-08-29")
    office.run("2018-09-02 23:00")
    assert office.sent() == []
    office.run("2018-09-09 23:00")
    (handed,) = office.wire.taken
    assert (handed.message.name, handed.channel) == ("吴组长", "email")
    assert str(handed.message.content["subject"]).startswith("报告：")
    assert [f"A-{n}" in str(handed.message.content["text"]) for n in range(5)] == [True] * 5


def test_several_acts_are_one_digest_in_the_readers_register(office: Office) -> None:
    office.obey(MIXED)
    for n in range(2):
        office.case(f"A-{n}", due="2018-08-31")
    office.run("2018-08-28 12:00")
    assert sorted(office.sent()) == [
        "冯值班 wecom: A-0 urge, A-1 urge, A-0 told, A-1 told",
        "孙联络 wecom: A-0 urge, A-1 urge, A-0 told, A-1 told",
    ]
    told = cards(office)
    assert told["孙联络"][0] == "督办通知：贵单位有4项事项"
    assert told["冯值班"][0] == "待办：有4项事项"
    assert "贵单位" not in "".join(told["冯值班"])
