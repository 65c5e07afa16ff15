"""Exit codes and usage: 0 done, 1 the input or the state is at fault, 2 wrong usage."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.cli.conftest import ROOT, Office

HEAVY = ("sqlalchemy", "pydantic", "alembic", "dramatiq", "redis", "jinja2", "python_calamine", "rich")


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from daemon.cli import main; code = main(['--help'])\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert "import" in done.stdout
    assert "用法：" in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "命令"),
        (("chek",), "是不是 check？"),
        (("case",), "命令"),
        (("case", "sgin"), "是不是 sign、assign？"),
        (("case", "show"), "缺少编号"),
        (("case", "due", "PS-2018-0001"), "缺少选项 --due"),
        (("case", "sign", "PS-2018-0001", "--on", "明天"), "写成 2018-08-31"),
        (("case", "sign", "PS-2018-0001", "--on", "2018-13-40"), "看不懂日期"),
        (("case", "sign", "PS-2018-0001", "--unit", "明城镇"), "没有 --unit 这个选项"),
        (("case", "sign", "PS-2018-0001", "--on"), "后面要写明内容"),
        (("case", "list", "--state", "办好了"), "可用：已收集"),
        (("case", "show", "A", "B"), "多出了“B”"),
        (("why", "一"), "应为整数"),
        (("notice", "list", "--state", "寄了"), "waiting 待审签"),
        (("import", "a.xlsx", "--as", "花名册"), "可用：directory、名录"),
    ],
)
def test_wrong_usage_is_said_in_chinese_and_exits_2(office: Office, args: tuple[str, ...], says: str) -> None:
    answer = office(*args)
    assert answer.code == 2
    assert says in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    "on", ["2018-08-16", "2018.8.16", "2018/8/16", "2018年8月16日", "２０１８年８月１６日"]
)
def test_a_day_may_be_written_as_offices_write_it(busy_office: Office, on: str) -> None:
    assert busy_office("case", "sign", "PS-2018-0001", "--on", on, "--json").json["signed_on"] == "2018-08-16"


def test_a_closed_pipe_is_no_fault() -> None:
    command = ["bash", "-c", f"{sys.executable} -m daemon.cli --help | true"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("reload",), "为什么改"),
        (("rules", "rollback"), "为什么改"),
        (("pause",), "为什么暂停"),
        (("mute", "end"), "为什么提前结束"),
        (("case", "return"), "写进给单位的通知"),
        (("case", "extend"), "写进给单位的通知"),
        (("case", "progress"), "进展情况"),
        (("case", "close"), "说明，记录在案"),
    ],
)
def test_each_note_says_what_it_is_for(bare: Office, command: tuple[str, ...], words: str) -> None:
    assert words in bare(*command, "--help").out
