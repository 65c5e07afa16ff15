"""What a template may do, how much, and what happens to what data bring with them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from daemon.errors import FaultyInputError, NotFoundError
from daemon.render import Renderer, forbidden_words, segments, trial, wording
from daemon.render.samples import case, context

FRAME = {"email/footer.j2": "电话：{{ office.phone }}", "email/layout.html.j2": "{{ subject }}"}


def written(text: str, **more: object) -> dict[str, object]:
    source = f"{{% block subject %}}标题{{% endblock %}}\n{{% block text %}}{text}{{% endblock %}}"
    return Renderer({**FRAME, "email/urge.unit.j2": source}).render(
        "email", "urge.unit", context("unit", *(case(n) for n in range(40)), **more)
    )


ATTACKS = [
    ("{{ ''.__class__ }}", "不允许"),
    ("{{ ''.__class__.__mro__ }}", "不允许"),
    ("{{ items|map(attribute='__class__')|join }}", "不允许"),
    ("{{ items }}", "文字或数字"),
    ("{{ repeat }}", "文字或数字"),
    ("{% for n in range(10) %}{% endfor %}", "名称"),
    (
        "{% for a in items %}{% for b in items %}{% for c in items %}{% endfor %}{% endfor %}{% endfor %}",
        "10000次",
    ),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "自己|10000次"),
    ("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}", "10000次"),
    ("{% include 'email/urge.unit.j2' %}", "自己|10000次"),
    ("{{ '字' * 999999999 }}", "不允许"),
    ("{{ 9 ** 999999999 }}", "不允许"),
    ("{{ '%999999999d' % 1 }}", "不允许"),
    ("{{ '{:999999999}'.format(1) }}", "不允许"),
    ("{{ today.strftime('%Y') }}", "不允许"),
    ("{% set a = '字字字字字字字字' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}", "32 KiB"),
    ("{% set a = '字字字字字字字字' %}" + "{% set a = a + a %}" * 40 + "{{ a }}", "32 KiB"),
    ("{% set a = '字' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}", "32 KiB"),
    ("{% for item in items %}" + "字" * 300 + "{% endfor %}", "32 KiB"),
    ("{{ items[0]|attr('title') }}", "语法"),
    ("{{ nobody }}", "名称"),
    ("{{ items[0].filing }}", "此处没有值"),
]


@pytest.mark.parametrize(("text", "why"), ATTACKS)
def test_a_template_is_refused(text: str, why: str) -> None:
    with pytest.raises(FaultyInputError, match=why):
        written(text)


def test_a_fault_names_the_template_and_the_line() -> None:
    for text in ("\n\n{{ nobody }}", "\n\n{% if %}", "\n\n{{ 1 / 0 }}", "\n\n{% include 'parts/x.j2' %}"):
        with pytest.raises(FaultyInputError) as refused:
            written(text)
        (fault,) = refused.value.faults
        assert (fault.place, fault.line) == ("templates/email/urge.unit.j2", 4), fault


def test_a_template_without_its_blocks_is_at_fault() -> None:
    with pytest.raises(FaultyInputError, match="缺少 block subject"):
        Renderer({**FRAME, "email/urge.unit.j2": "正文"}).render("email", "urge.unit", context("unit"))


def test_a_budget_is_for_one_message() -> None:
    text = "{% for a in items %}{% for b in items %}{% endfor %}{% endfor %}"
    for _ in range(10):
        assert written(text + "好")["text"] == "好\n\n电话：0432-00000000\n"


def test_an_enterprise_cannot_write_html(renderer: Renderer) -> None:
    item = case(case_enterprise="<b>&公司", title="<b>&公司")
    html = str(renderer.render("email", "urge.unit", context("unit", item))["html"])
    assert "<td>&lt;b&gt;&amp;公司</td>" in html
    assert "<b>" not in html
    assert (
        renderer.render("wecom", "urge.unit", context("unit", item))["description"].count("＜b＞&公司") == 1
    )


def test_data_cannot_add_lines_or_cells(renderer: Renderer) -> None:
    name = "甲公司\r\nBcc: a@example.org\n乙｜丙"
    mail = renderer.render("email", "urge.unit", context("unit", case(case_enterprise=name, title=name)))
    assert "\n" not in mail["subject"]
    assert "｜甲公司  Bcc: a@example.org 乙|丙｜" in mail["text"]


def test_text_and_html_say_the_same(renderer: Renderer) -> None:
    mail = renderer.render("email", "urge.unit", context("unit", case(), case(2)))
    for line in filter(None, mail["text"].splitlines()):
        for cell in line.split("｜"):
            assert cell in mail["html"]


def test_manual_and_spool_take_the_text_of_the_mail(renderer: Renderer) -> None:
    given = context("unit", case())
    mail = renderer.render("email", "urge.unit", given)
    for channel in ("manual", "spool"):
        assert renderer.render(channel, "urge.unit", given) == {key: mail[key] for key in ("subject", "text")}


# SMS


def test_a_text_is_registered_with_numbered_places(renderer: Renderer) -> None:
    form = renderer.sms_form("reminder.unit.due", "0432-11111111")
    assert form.text == "督办提醒：贵单位有{1}项事项将于{2}到期，请按期办结。详询0432-11111111。"
    assert form.names == ("count", "day")
    with pytest.raises(NotFoundError):
        renderer.sms_form("reminder.nobody", "0432-11111111")


@pytest.mark.parametrize(
    "source", ["{{ enterprise }}好", "{{ count|int }}项", "{% if day %}好{% endif %}", "好\n好"]
)
def test_a_text_is_one_line_with_declared_names(source: str) -> None:
    with pytest.raises(FaultyInputError, match=r"templates/sms/urge\.unit\.j2:1: .*短信只能"):
        Renderer({"sms/urge.unit.j2": source}).sms_form("urge.unit", "")


@pytest.mark.parametrize(("length", "count"), [(61, 1), (62, 2), (125, 2), (126, 3), (151, 3)])
def test_segments_count_the_signature(length: int, count: int) -> None:
    assert segments("字" * length, "磐石市软环境办") == count


def test_forbidden_words_are_found() -> None:
    assert forbidden_words("请登录HTTPS://a.cn查看招商事项") == ("招商", "http", ".cn", "://")
    assert forbidden_words("督办提醒：贵单位有2项事项") == ()


def test_trial_finds_every_fault(shipped: dict[str, str]) -> None:
    broken = shipped | {
        "sms/urge.unit.j2": "督办催办：贵单位有{{ count }}项违约问题。" + "请抓紧办理。" * 10,
        "sms/digest.unit.j2": "{{ unit }}",
        "email/talk.unit.j2": shipped["email/talk.unit.j2"].replace("{{ office.name }}", "{{ ofice.name }}"),
        "wecom/urge.unit.j2": "{% block title %}",
    }
    faults = trial(broken, "磐石市软环境办", "0432-00000000")
    assert sorted({fault.place for fault in faults}) == [
        f"templates/{name}" for name in sorted(broken) if broken[name] != shipped[name]
    ]
    assert sum(fault.place == "templates/sms/urge.unit.j2" for fault in faults) == 2


# Filters


def test_how_days_and_sums_are_written() -> None:
    assert wording.day(date(2018, 8, 31)) == "8月31日"
    assert wording.full_day(date(2018, 8, 1)) == "2018年8月1日"
    assert wording.wan(Decimal("11732500")) == "1,173.25万元"
    assert wording.wan(Decimal("5000000.00")) == "500万元"
    assert wording.yuan(Decimal("11732500.50")) == "11,732,500.5元"
    assert wording.percent(60) == "60%"
    assert wording.short("磐石市", 2) == "磐…"
