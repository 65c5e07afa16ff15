"""``duban check``: one fault of each kind, with the line that a clerk reads; and all of them in one run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.cli.checking import findings
from daemon.cli.checking_texts import base
from daemon.config.source import inspect
from tests.unit.config.folder import CONFIG, Folder

LADDERS, CAMPAIGN, CHANNELS = "ladders.yaml", "campaigns/panshi-2018.yaml", "channels.yaml"
EXAMPLES = Path(__file__).with_name("examples")
SECRETS = ("SMTP_PASSWORD", "TENCENT_SECRET_ID", "TENCENT_SECRET_KEY", "WECOM_CORP_ID", "WECOM_SECRET")


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"DUBAN_{name}", "made-up")
    monkeypatch.setenv("DUBAN_WECOM_AGENT_ID", "1000002")


def rows(name: str) -> list[tuple[str, str, str, str]]:
    """Read kinds, each with its file and change (before⟦old→new⟧after), and with the line that is told."""
    lines = EXAMPLES.joinpath(name).read_text(encoding="utf-8").split("\n")
    found = []
    for kind, changed, line in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
        place, _, change = changed.removeprefix("    ").partition(": ")
        for char in "\n\t\u00a0\u200b\u3000":
            change = change.replace(ascii(char)[1:-1].replace("\\x", "\\u00"), char)
        found.append((kind, place, change, line.strip()))
    return found


FAULTS, WARNINGS = rows("faults.txt"), rows("warnings.txt")


def told(faults: object) -> list[str]:
    return [str(fault) for fault in faults]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "place", "change", "line"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_is_told_in_a_line(folder: Folder, kind: str, place: str, change: str, line: str) -> None:
    folder.change(place, change)
    found = folder.findings()
    assert told(found.faults)[0] == line
    assert found.source is None
    assert {fault.place for fault in found.faults} == {place}


@pytest.mark.parametrize(("kind", "place", "change", "line"), WARNINGS, ids=[row[0] for row in WARNINGS])
def test_what_bites_later_is_a_warning(folder: Folder, kind: str, place: str, change: str, line: str) -> None:
    folder.change(place, change)
    assert told(folder.findings().warnings) == [line]


def test_what_a_person_approves_is_not_held_from_the_group(folder: Folder) -> None:
    """The gate on floods lets it pass: who approves it has looked at it."""
    change = "act: ⟦escalation, to: [group.leader, group.deputy], bundle: brief→circular, to: [group.leader]⟧"
    folder.change(LADDERS, change)
    assert told(folder.findings().warnings) == []


def test_what_is_shipped_has_neither(folder: Folder) -> None:
    found = folder.findings()
    assert (found.faults, found.warnings) == ((), ())


TOGETHER = [
    "a full-width colon", "full-width digits", "a # within a text", "an unknown act", "an unknown role",
    "a role that the subject lacks", "a neutral SMS alone", "an unknown bundle", "a cron twice a day",
    "a name the subject lacks", "0 workdays from an event", "one equals sign", "before an event",
    "a window that never opens", "a mobile number in SMS", "an unknown template", "a secret written out",
    "a text registered otherwise", "phases out of order",
]  # fmt: skip


def test_all_faults_of_all_files_are_told_in_one_run(folder: Folder) -> None:
    """Whatever their kind: also what a file says wrong of another while a value of its own is faulty."""
    lines = []
    for kind, place, change, line in FAULTS:
        if kind in TOGETHER:
            folder.change(place, change)
            lines.append(line)
    folder.write(
        "templates/email/urge.unit.j2",
        "{% block subject %}甲{% endblock %}{% block text %}\n{{ ofice }}{% endblock %}",
    )
    lines.append("templates/email/urge.unit.j2:2:4: 没有“ofice”这个名称；是不是“office”？")
    folder.write("calendar.yaml", "years: {}  # 放假\n".encode("gb18030"))
    lines.append("calendar.yaml:1:14: 文件是 GB18030（GBK）编码；请另存为 UTF-8")
    assert told(folder.findings().faults) == sorted(lines, key=_place)


def _place(line: str) -> tuple[str, int, int]:
    place, number, column, *_ = line.split(":")
    return place, int(number), int(column)


# Texts

SMS = "sms/urge.unit.j2"
TEXTS = [
    (SMS, "催办：贵单位有{{ count }}项违约问题。", "1:20: 短信中不能有“违约”；运营商会拒绝，请换一种说法"),
    (SMS, "请致电13800000000。", "1:4: 短信中不能有手机号；运营商会拒绝，请写固定电话"),
    (SMS, "请抓紧办理" * 12 + "。", "1: 连同签名最长 70 字"),
    (
        SMS,
        "请抓紧办理" * 13,
        "1: 连同签名最长 74 字，要拆成 2 条短信；请缩短到 70 字以内（超过后每 67 字一条）",
    ),
    (SMS, "有{{ count }}{{ days }}", "1:11: 两处变量连在一起，运营商会拒绝；中间加上文字"),
    (
        "email/urge.unit.j2",
        "{% block subject %}{{ ofice.name }}{% endblock %}",
        "1:23: 没有“ofice”这个名称；是不是“office”？",
    ),
    (
        "email/urge.unit.j2",
        "{% block subject %}甲{% endblock %}{% block text %}\n{% if own_unit %}{{ office.nmae }}"
        "{% endif %}{% endblock %}",
        "2:28: 没有“nmae”这个名称；是不是“name”？",
    ),
    ("email/urge.unit.j2", "{% block subject %}甲", "1: 语法有误：缺少 {% endblock %}"),
    ("email/urge.unit.j2", "{% blok subject %}", "1: 语法有误：没有 {% blok %} 这种写法"),
    ("email/urge.unit.j2", "{{ office.name }", "1: 语法有误：多出或写错了“}”，变量要写成 {{ 名称 }}"),
    ("email/urge.unit.j2", "甲\n乙{{ office，name }}", "2:11: 语法有误：这里不能用“，”"),
    ("email/urge.unit.j2", "{% if items %}甲", "1: 语法有误：缺少 {% endif %}"),
    ("email/urge.unit.j2", "甲{% endif %}", "1: 语法有误：多出了 {% endif %}"),
    (
        "email/urge.unit.j2",
        "{% block subject %}{{ items[99999].no }}{% endblock %}",
        "1: 用到了不存在的名称：列表没有下标为 99999 的一项",
    ),
    (
        "email/urge.unit.j2",
        "{% block subject %}甲{% endblock %}{% block text %}乙{% endblock %}\n\n联系人：丙",
        "3:1: block 以外的文字不会发出；请移到 {% block text %} 里",
    ),
    (
        "wecom/urge.unit.j2",
        '{% block title %}{% endblock %}{% block description %}{% endblock %}\n {% include "parts/by.j2" %}',
        "2:2: block 以外的文字不会发出；请移到 {% block description %} 里",
    ),
    ("email/urge.unit.j2", "{{ office.name|uper }}", "1: 语法有误：没有“|uper”这种写法"),
    (
        "email/brief.group.j2",
        "{% block subject %}专报{% endblock %}{% block text %}\n请您单位办理{% endblock %}",
        "2:2: 给领导的文字里不能说“您单位”；对领导只报告情况，写单位的名称",
    ),
    (
        "email/brief.group.j2",
        "{% block subject %}专报{% endblock %}{% block text %}\n请你们单位办理{% endblock %}",
        "2:2: 给领导的文字里不能说“你们单位”；对领导只报告情况，写单位的名称",
    ),
    (SMS, "有{{ count }}项，回T退订。", "1:17: 短信中不能有“退订”；运营商会拒绝，请换一种说法"),
    (
        "wecom/notice.unit.j2",
        "{% block title %}甲{% endblock %}{% block description %}" + "字" * 513 + "{% endblock %}",
        "1: description: 企业微信正文超过 512 字，会被截断；请缩短",
    ),
]


@pytest.mark.parametrize(("name", "text", "line"), TEXTS)
def test_a_text_is_tried_on_every_kind_of_subject(folder: Folder, name: str, text: str, line: str) -> None:
    folder.write(f"templates/{name}", text)
    found = [each for each in told(folder.findings().faults) if each.startswith(f"templates/{name}:")]
    fits = "最长 70 字" in line
    assert any(each.startswith(f"templates/{name}:{line}") for each in found) is not fits, found


def test_a_text_that_nobody_looks_for_is_told(folder: Folder) -> None:
    folder.write("templates/sms/urge.units.j2", "有{{ count }}项。")
    assert "templates/sms/urge.units.j2: 这个文件不会用到；是不是“sms/urge.unit.j2”？" in told(
        folder.findings().warnings
    )


def test_a_text_in_a_misspelt_folder_is_told_once(folder: Folder) -> None:
    folder.write("templates/smss/urge.unit.j2", "有{{ count }}项。")
    found = folder.findings()
    assert found.faults == ()
    assert told(found.warnings) == [
        "templates/smss/urge.unit.j2: 这个文件不会用到；是不是“sms/urge.unit.j2”？"
    ]


def test_a_rung_whose_channel_has_no_words_is_told(folder: Folder) -> None:
    """What is shipped has words for every act; a channel of which some are missing says so at the act."""
    shutil.copytree(CONFIG.parent / "templates", folder.path.parent / "few")
    for name in ("urge.unit.j2", "digest.unit.j2"):
        (folder.path.parent / "few" / "sms" / name).unlink()
    found = findings(folder.path, folder.path.parent / "few")
    lines = [line for line in told(found.faults) if line.startswith(LADDERS)]
    assert (
        "ladders.yaml:44:43: ladders.case-due.rungs.overdue.act: sms 渠道没有可用的文字；"
        "请在 templates/ 里写 sms/urge.unit.j2"
    ) in lines
    assert all(".act: sms 渠道没有可用的文字" in line for line in lines)


def test_an_own_text_says_which_shipped_one_it_was_made_from(folder: Folder) -> None:
    shipped = (CONFIG.parent / "templates" / SMS).read_text(encoding="utf-8")
    own = shipped.replace("抓紧", "尽快")
    for first, warned in (
        ("", "没有写明改自哪一版"),
        (
            "{#- 底本 0123456789ab -#}\n",
            f"程序自带的这份文字已经变了（底本 0123456789ab，现在 {base(shipped)}）",
        ),
        (f"{{#- 底本 {base(shipped)} -#}}\n", ""),
    ):
        folder.write(f"templates/{SMS}", first + own)
        found = folder.findings()
        assert found.faults == ()
        assert [warned in line for line in told(found.warnings)] == [True] * bool(warned)


# Anything at all

GARBLED = st.builds(
    lambda place, cut, at, noise: (place, cut, at, noise),
    st.sampled_from([LADDERS, CAMPAIGN, CHANNELS]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.text("：，［］｛｝“”　\t\u00a0\u200b#&*!|>-?:[]{}\"'\n 甲a1", max_size=6),
)


@given(GARBLED)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_a_file_holds_only_our_own_faults_come_of_it(
    folder: Folder, garbled: tuple[str, float, float, str]
) -> None:
    place, cut, at, noise = garbled
    text = (CONFIG / place).read_text(encoding="utf-8")
    text = text[: int(len(text) * cut)]
    middle = int(len(text) * at)
    folder.write(place, text[:middle] + noise + text[middle:])
    found = inspect(folder.path, folder.shipped)
    folder.write(place, (CONFIG / place).read_bytes())
    assert (found.source is None) == bool(found.faults)
    assert all(fault.message.isprintable() and fault.line >= 0 for fault in found.faults)


def test_a_file_of_brackets_ends_soon(folder: Folder, tmp_path: Path) -> None:
    folder.write(LADDERS, "a: &x [" * 300 + "*x, " * 20_000)
    assert folder.findings().faults
