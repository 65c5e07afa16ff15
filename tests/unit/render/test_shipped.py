"""The shipped templates, by what the offices expect of them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest

from daemon.domain.ladder import Act
from daemon.errors import NotFoundError
from daemon.render import Renderer, forbidden_words, samples, segments, trial
from daemon.render.samples import TODAY, case, context, filing, numbers, pace, phase, target

SIGN, PHONE = "磐石市软环境办", "0432-00000000"
NOT_TO_LEADERS = ("请登录", "您单位", "贵单位", "务必", "必须")
TEMPLATES = [f"{act}.{audience}" for act, audience in product(Act, ("unit", "office", "group"))]
EVERY = [*TEMPLATES, "digest.unit", "digest.office", "digest.group", "note.office"]


def mail(renderer: Renderer, template: str, *items: Any, **more: Any) -> dict[str, Any]:
    return renderer.render("email", template, context(template.partition(".")[2], *items, **more))


def words(content: dict[str, Any]) -> str:
    return "\n".join(value for value in content.values() if isinstance(value, str))


def test_no_shipped_template_is_at_fault(shipped: dict[str, str]) -> None:
    assert trial(shipped, SIGN, PHONE) == ()


@pytest.mark.parametrize("template", EVERY)
def test_every_act_speaks_to_every_audience_on_every_channel(renderer: Renderer, template: str) -> None:
    for given in samples.contexts(template):
        for channel in ("email", "wecom", "sms", "manual", "spool"):
            content = renderer.render(channel, template, given)
            assert all(content[part] for part in content if part not in ("url", "params")), content
            assert "None" not in words(content)


@pytest.mark.parametrize("template", [name for name in EVERY if name.endswith("group")])
def test_leaders_are_told_and_asked_nothing(renderer: Renderer, template: str) -> None:
    for channel, given in product(("email", "wecom", "sms"), samples.contexts(template)):
        said = words(renderer.render(channel, template, given))
        assert not [word for word in (*NOT_TO_LEADERS, "请") if word in said], said
        assert "报告" in said


@pytest.mark.parametrize("template", [name for name in EVERY if name.endswith("office")])
def test_the_office_is_never_addressed_as_a_unit(renderer: Renderer, template: str) -> None:
    for channel, given in product(("email", "wecom", "sms"), samples.contexts(template)):
        assert "贵单位" not in words(renderer.render(channel, template, given))


@pytest.mark.parametrize("template", EVERY)
def test_the_notice_strives_and_never_compels(renderer: Renderer, template: str) -> None:
    for given in samples.contexts(template):
        said = words(renderer.render("email", template, given))
        assert not [word for word in ("必须", "务必", "请登录", "http") if word in said]


@pytest.mark.parametrize("template", EVERY)
def test_every_mail_ends_with_why_and_whom_to_call(renderer: Renderer, template: str) -> None:
    given = next(samples.contexts(template)) | {"why": ["您是明城镇联络员。", "该事项将到期"]}
    for part in ("text", "html"):
        end = renderer.render("email", template, given)[part][-400:]
        assert "收到本件的原因：您是明城镇联络员；该事项将到期。" in end
        assert f"电话：{PHONE}" in end


@pytest.mark.parametrize(
    ("channel", "part"), [("email", "subject"), ("manual", "subject"), ("wecom", "title")]
)
def test_a_repeat_is_marked(renderer: Renderer, channel: str, part: str) -> None:
    for repeat in (True, False):
        content = renderer.render(channel, "urge.unit", context("unit", case(), repeat=repeat))
        assert content[part].startswith("【可能重复】") is repeat


STANDINGS = [
    (case(), "应于8月31日前办结，还有3天，涉及1,173.25万元"),
    (case(due_on=date(2019, 2, 12)), "应于2019年2月12日前办结，还有168天"),
    (case(due_on=TODAY), "应于今日（8月28日）办结"),
    (case(due_on=date(2018, 8, 20)), "应于8月20日前办结，已逾期8个工作日"),
    (case(due_on=date(2018, 8, 27), workdays_overdue=0), "应于8月27日前办结，已逾期，"),
    (case(due_on=None, anchor="assigned"), "8月16日交办，尚未确定整改时限"),
    (case(anchor="assigned", case_state="assigned"), "8月31日交办，尚未签收，应于8月31日前办结"),
    (case(anchor="returned", anchor_on=date(2018, 8, 20)), "8月20日核查未通过退回，应于"),
    (case(anchor="returned", reason="凭证不全"), "8月31日核查未通过退回（凭证不全），应于"),
    (filing(anchor="returned", reason="缺签章"), "8月31日退回补正（缺签章），应于"),
    (case(reason="等待财政拨款"), "还有3天（已同意延期：等待财政拨款），涉及"),
    (case(anchor="submitted", anchor_on=date(2018, 8, 20)), "8月20日报送整改结果，待核查，应于"),
    (filing(), "近5年招商引资情况（电子版）（企业名录）｜明城镇｜应于8月31日前报送，还有3天"),
    (phase(), "自8月1日至8月31日，还有3天结束；本阶段报送：违约失信问题清单、工作计划"),
    (target(), "全市登记133个，已销号64个，整改率48.1%；2018年12月31日目标60%，尚差16个"),
    (target(days_left=-3), "2018年12月31日目标60%，未达到，差16个"),
    (target(numbers=numbers(verdict="reached", missing=0)), "2018年12月31日目标60%，已达到"),
    (target(numbers=numbers(total=0)), "尚无登记问题，不计算整改率"),
    (pace(act="early_warning"), "登记12个，已销号3个，整改率25.0%；序时进度应销号5个，差2个"),
]


@pytest.mark.parametrize(("item", "said"), STANDINGS)
def test_where_an_item_stands(renderer: Renderer, item: dict[str, Any], said: str) -> None:
    assert said in mail(renderer, "notice.office", item)["text"]


REQUESTS = [
    ("reminder.unit", [case()], "贵单位有以下1项事项，请于8月31日前办理"),
    ("reminder.unit", [case(), case(2, due_on=date(2018, 9, 3))], "请按时限（最早为8月31日）办理"),
    ("reminder.unit", [case(anchor="assigned", case_state="assigned")], "尚未签收的，请及时签收。"),
    ("urge.unit", [case(due_on=None, anchor="assigned")], "请贵单位提出处理意见，确定办理时限"),
    ("notice.unit", [case(anchor="returned")], "请贵单位对照核查意见继续整改"),
    ("notice.unit", [phase()], "请贵单位按照方案要求安排好本阶段工作"),
    ("early_warning.unit", [pace()], "力争按期实现整改率目标"),
    ("assignment.unit", [case()], "请贵单位于3个工作日内签收"),
    ("supervision_letter.unit", [case()], "本函已经市软环境办审签。"),
    (
        "supervision_letter.unit",
        [case(approval={"by": "丙某", "on": TODAY})],
        "（审签人：丙某，2018年8月28日）",
    ),
    ("notice.office", [case(anchor="submitted")], "待办：以下1项由办公室办理。"),
    ("urge.office", [case(part="copy")], "以下1项已向责任单位催办，抄送办公室。"),
    ("digest.unit", [case(act_title="催办", act="urge"), case(2)], "1｜催办｜PS-2018-0001｜"),
]


@pytest.mark.parametrize(("template", "items", "said"), REQUESTS)
def test_what_each_audience_reads(renderer: Renderer, template: str, items: list[Any], said: str) -> None:
    assert said in mail(renderer, template, *items)["text"]


def test_a_line_that_climbed_says_so(renderer: Renderer) -> None:
    for channel in ("email", "wecom"):
        given = context("group", case(act="escalation"), own_unit=True, acting_for="乙某")
        said = words(renderer.render(channel, "escalation.group", given))
        assert "因涉及原收件人本单位，按规定改报上一级。" in said
        assert "本件由甲某同志代乙某同志收阅。" in said


def test_an_unlisted_act_takes_the_digest(renderer: Renderer) -> None:
    given = context("office", case(act="talk", part="copy"))
    assert renderer.render("email", "talk.office", given) == renderer.render("email", "digest.office", given)
    with pytest.raises(NotFoundError, match=r"digest\.enterprise"):
        renderer.render("email", "urge.enterprise", context("enterprise", case()))


# A brief is one page of 22 lines of 28 characters; what is listed after 附 is its attachment.


@pytest.mark.parametrize("template", ["brief.group", "digest.group"])
def test_a_brief_fits_one_page(renderer: Renderer, template: str) -> None:
    year = target(due_on=date(2019, 12, 31), numbers=numbers(percent=90, missing=56))
    late = [case(n, due_on=TODAY - timedelta(days=30), act="escalation") for n in range(300)]
    filings = [filing(due_on=TODAY - timedelta(days=9)) for _ in range(50)]
    holes = ["市水利局主要领导岗位无人，请补录岗位人员" * 3] * 9
    text = mail(renderer, template, target(), year, *late, *filings, case(), overdue=holes, own_unit=True)[
        "text"
    ]
    main, _, attachment = text.partition("附：")
    assert sum(-(-len(line) // 28) for line in main.strip().splitlines()) <= 22
    assert "40｜" in attachment
    assert "41｜" not in attachment
    assert "等351项" in attachment


def test_a_brief_says_rate_target_gap_reach_units_and_who_answers(renderer: Renderer) -> None:
    text = mail(renderer, "brief.group", target(act="brief"))["text"]
    for said in (
        "整改率48.1%；2018年12月31日目标60%，尚差16个。",
        "届时可达54.1%，仍差8个",
        "取柴河镇｜12｜3｜25.0%｜5",
        "（主要领导为第一责任人）",
    ):
        assert said in text
    assert text.count("｜25.0%｜") == 5


# WeCom cards


@pytest.mark.parametrize("template", EVERY)
def test_a_card_keeps_wecoms_limits(renderer: Renderer, template: str) -> None:
    name = "磐石甲乙丙丁戊己庚辛壬癸<div>" * 10
    many = [case(n, case_enterprise=name, title=name, unit=name, anchor="returned") for n in range(40)]
    given = context(
        template.partition(".")[2], *many, lines=[], acting_for="乙某", own_unit=True, repeat=True
    )
    card = renderer.render("wecom", template, given)
    assert len(card["title"]) <= 128
    assert len(card["description"]) <= 512
    assert len(card["button"]) <= 4
    assert template.startswith("note") or "等40项" in card["description"]
    assert "<" not in words(card)


# SMS


def test_every_text_is_one_segment_without_forbidden_words(renderer: Renderer) -> None:
    for name in renderer.names("sms"):
        form = renderer.sms_form(name, PHONE)
        assert segments(form.longest(), SIGN) == 1, form.longest()
        assert forbidden_words(form.text) == ()
        assert form.text.endswith(f"详询{PHONE}。")


@pytest.mark.parametrize("template", EVERY)
def test_values_are_short_and_in_their_places(renderer: Renderer, template: str) -> None:
    for given in samples.contexts(template):
        said = renderer.render("sms", template, given)
        form = renderer.sms_form(said["template"], PHONE)
        assert all(0 < len(value) <= 6 for value in said["params"])
        assert said["text"] == form.text.format("", *said["params"])


UNSIGNED = {"anchor": "assigned", "case_state": "assigned"}
LATE = date(2018, 8, 27)
TEXTS = [
    ("reminder.unit", [case(), case(2)], "督办提醒：贵单位有2项事项将于8月31日到期，请按期办结。"),
    (
        "reminder.unit",
        [case(), case(2, due_on=date(2018, 9, 3))],
        "督办提醒：贵单位有2项事项，最早8月31日到期，请按期办结。",
    ),
    ("reminder.unit", [case(**UNSIGNED)], "督办提醒：贵单位有1项交办事项尚未签收，请及时签收。"),
    ("reminder.unit", [case(), phase()], "督办提醒：贵单位有2项事项待办，请及时办理并反馈。"),
    ("reminder.unit", [case(due_on=date(2020, 8, 31))], "督办提醒：贵单位有1项事项待办，请及时办理并反馈。"),
    (
        "urge.unit",
        [case(due_on=LATE)],
        "督办催办：贵单位有1项事项已逾期1个工作日（8月27日到期），请抓紧办理。",
    ),
    (
        "urge.unit",
        [case(due_on=LATE), case(2, due_on=date(2018, 8, 20))],
        "督办催办：贵单位有2项事项已逾期，最长8个工作日，请抓紧办理。",
    ),
    ("urge.unit", [case(due_on=LATE), case(2)], "督办催办：贵单位有2项事项未办理完毕，请抓紧办理并反馈。"),
    ("urge.unit", [case(**UNSIGNED)], "督办催办：贵单位有1项交办事项仍未签收，请抓紧签收。"),
    ("circular.office", [case()], "督办待办：办公室有1项事项待阅办。"),
]


@pytest.mark.parametrize(("template", "items", "said"), TEXTS)
def test_an_sms_says_what_holds_of_all_items(
    renderer: Renderer, template: str, items: list[Any], said: str
) -> None:
    content = renderer.render("sms", template, context(template.partition(".")[2], *items))
    assert content["text"] == f"{said}详询{PHONE}。"
