"""The examples of design.md §5 load as they stand there, and mean what §4 and §5 say."""

from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path

import pytest

from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.schema import FOLDER, SHAPES, main, rendered, stale
from daemon.config.source import load_rules
from daemon.domain.burden import Budget
from daemon.domain.ladder import Act, ActPolicy, Condition, Ladder, Role, Rung, SubjectKind, Wording
from daemon.domain.pace import Milestone
from daemon.domain.windows import Bundle, Window
from daemon.domain.workdays import Offset, Span
from daemon.render import Renderer
from tests.unit.config.folder import CONFIG, Folder

EXAMPLES = Path(__file__).with_name("examples")
OPEN = Condition("open", lambda names: True)
LIAISON, HEAD = (Role.UNIT_LIAISON,), (Role.UNIT_HEAD,)
DEPUTY_OR_HEAD = (Role.UNIT_DEPUTY, Role.UNIT_HEAD)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    """The rules of design.md's examples."""
    folder = Folder(tmp_path_factory.mktemp("examples"))
    folder.write("ladders.yaml", (EXAMPLES / "ladders.yaml").read_bytes())
    folder.write("campaigns/panshi-2018.yaml", (EXAMPLES / "panshi-2018.yaml").read_bytes())
    return compile_rules(folder.load())


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return compile_rules(Folder(tmp_path_factory.mktemp("shipped")).load())


def workdays(count: int) -> Offset:
    return Offset(count, Span.WORKDAYS)


def test_a_ladder_as_a_value(rules: RuleSet) -> None:
    due = rules.ladders["case-due"]
    assert (due.about, due.anchor, due.per_unit) == (SubjectKind.CASE, "due", False)
    assert [rung.id for rung in due.rungs] == [
        "preview",
        "remind",
        "overdue",
        "head",
        "letter",
        "group",
        "head-again",
    ]
    assert due.rung("remind") == Rung(
        id="remind",
        wording=Wording(anchor="due", at=workdays(-3), when=(OPEN,)),
        act=Act.REMINDER,
        to=(LIAISON, DEPUTY_OR_HEAD),
        bundle="morning",
    )


def test_an_every_as_a_value(rules: RuleSet) -> None:
    again = rules.ladders["case-due"].rung("head-again")
    assert again is not None
    assert again.wording.every is not None
    assert (again.wording.at, again.wording.every.step) == (workdays(30), workdays(20))


BUNDLES = [
    ("case-due", "group", "brief"),
    ("case-due", "letter", "morning"),
    ("case-assigned", "hand-over", ""),
]


@pytest.mark.parametrize(("ladder", "rung", "bundle"), BUNDLES)
def test_immediately_takes_no_bundle_and_the_default_stands_elsewhere(
    rules: RuleSet, ladder: str, rung: str, bundle: str
) -> None:
    found = rules.ladders[ladder].rung(rung)
    assert found is not None
    assert found.bundle == bundle


def test_conditions_of_ladder_and_rung_are_added(rules: RuleSet) -> None:
    def texts(ladder: Ladder, number: int) -> list[str]:
        return [condition.text for condition in ladder.rungs[number].wording.when]

    assert texts(rules.ladders["case-assigned"], 1) == ["open", "unsigned"]
    assert texts(rules.ladders["case-returned"], 0) == ['case.state == "returned"']


def test_acts_as_values(rules: RuleSet) -> None:
    assert rules.acts[Act.ASSIGNMENT] == ActPolicy(Act.ASSIGNMENT, (("wecom",), ("sms", "email")), 3)
    assert rules.acts[Act.SUPERVISION_LETTER].approval == (Role.OFFICE_DIRECTOR,)
    assert rules.acts[Act.URGE].legs == (("wecom", "email"), ("sms", "email"))


def test_a_copy_with_a_fallback(rules: RuleSet) -> None:
    assert rules.ladders["case-assigned"].rungs[2].copy == ((Role.OFFICE_DUTY, Role.OFFICE_DIRECTOR),)


def test_the_campaign_as_a_value(rules: RuleSet) -> None:
    campaign = rules.campaigns["panshi-2018"]
    assert (campaign.start, campaign.end, str(campaign.zone)) == (
        date(2018, 7, 25),
        date(2020, 12, 31),
        "Asia/Shanghai",
    )
    assert campaign.milestones == (
        Milestone(date(2018, 12, 31), 60),
        Milestone(date(2019, 12, 31), 90),
        Milestone(date(2020, 12, 31), 100),
    )
    assert (campaign.pace_from, campaign.min_cases, campaign.verdict_workdays) == (date(2018, 8, 16), 5, 10)
    assert campaign.numbering.format(n=7) == "PS-2018-0007"


def test_filings_as_values(rules: RuleSet) -> None:
    filings = rules.campaigns["panshi-2018"].filings
    assert filings["roster"].parts == ("企业名录", "优惠政策")
    assert (filings["issue-list"].signed_by, filings["issue-list"].nil_allowed) == ("unit.head", True)
    assert (filings["work-plan"].due, filings["work-plan"].nil_allowed) == (date(2018, 7, 31), False)


def test_the_worked_example_of_the_calendar(rules: RuleSet) -> None:
    due = date(2018, 12, 31)
    offsets = [0, -1, -2, -3, 1]
    assert [rules.calendar.shift(due, count).isoformat() for count in offsets] == [
        "2018-12-29",
        "2018-12-29",
        "2018-12-28",
        "2018-12-27",
        "2019-01-02",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sms: {day: 2}", {"sms": Budget(day=2)}),
        ("email: {day: 9, week: 20}", {"sms": Budget(day=2), "email": Budget(9, 20)}),  # the SMS default
        ("sms: {week: 5}", {"sms": Budget(week=5)}),
        ("sms: {}", {}),
    ],
)
def test_what_a_person_gets_at_most(tmp_path: Path, written: str, meant: dict[str, Budget]) -> None:
    folder = Folder(tmp_path)
    folder.change("channels.yaml", f"⟦sms: {{day: 2}}→{written}⟧")
    assert compile_rules(folder.load()).budgets == meant


def test_bundles_windows_and_channels(shipped: RuleSet) -> None:
    assert shipped.bundles["morning"] == Bundle("morning", time(9, 10))
    assert shipped.bundles["brief"] == Bundle("brief", time(9, 30), weekday=0)
    assert shipped.window == Window(time(8, 30), time(17, 30))
    assert set(shipped.channels) == set(shipped.channel_windows) == {"manual", "email", "sms", "wecom"}
    assert shipped.channels["sms"].on_unknown == "resend"


def test_a_channel_may_have_hours_and_a_pace_of_its_own(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    own = 'window: {days: all, from: "08:00", to: "20:00"}\n    rate: 20/minute'
    folder.change("channels.yaml", f"⟦threads: 2→{own}⟧")
    rules = compile_rules(folder.load())
    assert rules.channel_windows["email"] == Window(time(8), time(20), workdays=False)
    assert rules.channel_windows["sms"] == rules.window
    assert rules.channels["email"].rate == (20, 60)


def test_options_are_what_the_provider_wants(shipped: RuleSet) -> None:
    sms = shipped.channels["sms"].options
    assert set(sms) == {"secret_id", "secret_key", "app_id", "sign", "region", "url", "templates"}
    assert sms["templates"]["reminder.unit.due"] == {"id": "1000013", "params": ["count", "day"]}  # type: ignore[index]


def test_every_text_of_sms_is_registered_with_its_places(shipped: RuleSet) -> None:
    renderer = Renderer(load_rules(CONFIG, CONFIG.parent / "templates").templates)
    forms = {name: list(renderer.sms_form(name, "0432-00000000").names) for name in renderer.names("sms")}
    registered = shipped.channels["sms"].options["templates"]
    assert {name: each["params"] for name, each in registered.items()} == forms  # type: ignore[attr-defined]


def test_what_is_shipped_says_of_cases_what_the_design_says(rules: RuleSet, shipped: RuleSet) -> None:
    for ladder_id, ladder in rules.ladders.items():
        assert shipped.ladders[ladder_id] == ladder
    assert shipped.campaigns == rules.campaigns
    assert {act: shipped.acts[act] for act in rules.acts} == dict(rules.acts)


def test_every_act_is_shipped_and_what_names_and_shames_is_approved(shipped: RuleSet) -> None:
    assert set(shipped.acts) == set(Act)
    approved = {act for act, policy in shipped.acts.items() if policy.approval}
    assert approved == {
        Act.SUPERVISION_LETTER, Act.COMMENDATION, Act.CIRCULAR, Act.TALK, Act.ACCOUNTABILITY,
    }  # fmt: skip


def test_what_goes_to_the_leading_group_goes_in_the_brief(shipped: RuleSet) -> None:
    group = {Role.GROUP_LEADER, Role.GROUP_DEPUTY, Role.GROUP_MEMBER}
    told = [
        (ladder.id, rung.id, rung.bundle)
        for ladder in shipped.ladders.values()
        for rung in ladder.rungs
        if group & {role for line in rung.to for role in line}
    ]
    assert told
    assert {bundle for _, _, bundle in told} == {"brief"}


def test_the_demo_speaks_to_the_sandbox_and_to_nothing_else(tmp_path: Path, shipped: RuleSet) -> None:
    folder = Folder(tmp_path)
    folder.write("channels.yaml", (CONFIG / "demo" / "channels.yaml").read_bytes())
    demo = compile_rules(folder.load())
    assert (demo.bundles, demo.window) == (shipped.bundles, shipped.window)
    assert demo.channels["wecom"].options["base_url"] == "${env:DUBAN_SANDBOX_HTTP}"
    assert demo.channels["sms"].options["url"] == "${env:DUBAN_SANDBOX_HTTP}"
    assert demo.channels["sms"].options["templates"] == shipped.channels["sms"].options["templates"]


def test_editors_know_the_models_as_they_are(tmp_path: Path) -> None:
    assert stale(FOLDER) == []
    assert main([str(tmp_path)]) == 0
    (tmp_path / "ladders.json").write_text(rendered(SHAPES["calendar.json"]), encoding="utf-8")
    assert main(["--check", str(tmp_path)]) == 1


YAML_FILES = sorted(path for path in CONFIG.rglob("*.yaml"))


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.relative_to(CONFIG).as_posix())
def test_every_file_names_its_schema_in_its_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    assert (path.parent / match[1]).is_file()
