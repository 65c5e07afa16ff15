"""Every form in which the offices type a value, and the forms that are none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sheets import cells
from daemon.sheets.cells import Broken, Cell, Wrong

AUGUST_4 = dt.date(2018, 8, 4)
WAN = Decimal(10_000)


@pytest.mark.parametrize(
    "cell",
    [
        AUGUST_4,
        dt.datetime(2018, 8, 4, 10, 30),  # noqa: DTZ001 - a spreadsheet's dates have no zone
        "2018年8月4日",
        "2018年08月04日",
        "2018年8月4号",
        "２０１８年８月４日",
        " 2018 年 8 月 4 日 ",
        "2018.8.4",
        "2018．8．4",
        "2018。8。4",
        "2018-08-04",
        "2018—8—4",
        "2018/8/4",
        "2018/8/4 0:00",
        "2018-08-04 00:00:00",
        "2018-08-04T00:00:00",
        "20180804",
        20180804.0,
        43316.0,
        43316,
        43316.5,
        "43316",
        "'2018-08-04",
    ],
)
def test_a_day(cell: Cell) -> None:
    assert cells.day(cell) == AUGUST_4


def test_a_time_of_day_does_not_run_into_the_day() -> None:
    assert cells.day("2018/8/1 10:00") == dt.date(2018, 8, 1)


@pytest.mark.parametrize(
    "cell",
    [
        "2018年13月40日",
        "2018年2月30日",
        "2018年8月",
        "8月4日",
        "年底前",
        "15个工作日内",
        "18.8.4",
        2018.8,
        1.0,
        True,
        -5.0,
        1e300,
        float("nan"),
        float("inf"),
        dt.time(3, 4),
        dt.timedelta(1),
        "2018-08-04 上午",
        "2018-8-4、2018-8-5",
    ],
)
def test_no_day(cell: Cell) -> None:
    assert isinstance(cells.day(cell), Wrong)


@pytest.mark.parametrize("cell", ["1018-08-04", "2108-08-04", dt.date(1998, 8, 4)])
def test_a_day_far_from_any_campaign_is_a_slip_of_the_pen(cell: Cell) -> None:
    assert "超出范围" in str(cells.day(cell))


def test_a_term_may_begin_long_ago_and_end_never() -> None:
    assert cells.term_day("1998-01-01") == dt.date(1998, 1, 1)
    assert cells.term_day("9999-12-31") == dt.date.max


@pytest.mark.parametrize("cell", ["", " ", "　", "/", "—", "无", "待定"])
@pytest.mark.parametrize("read", [cells.day, cells.amount])
def test_nothing(read: Callable[[Cell], object], cell: Cell) -> None:
    assert read(cell) is None


@pytest.mark.parametrize(
    ("cell", "scale", "yuan"),
    [
        (1173.25, WAN, "11732500.00"),
        (1173, WAN, "11730000.00"),
        ("1173.25", WAN, "11732500.00"),
        ("1415.35万元", WAN, "14153500.00"),
        ("1415.35万元", Decimal(1), "14153500.00"),
        ("１４１５.３５ 万元", None, "14153500.00"),
        ("1726.0万", None, "17260000.00"),
        ("3,000元", WAN, "3000.00"),
        ("人民币3,000元整", None, "3000.00"),
        ("￥3,000,000.50", Decimal(1), "3000000.50"),
        ("1.2亿元", None, "120000000.00"),
        (0.1 + 0.2, WAN, "3000.00"),
        (1e-05, WAN, "0.10"),
        (0, WAN, "0.00"),
    ],
)
def test_an_amount_in_yuan(cell: Cell, scale: Decimal | None, yuan: str) -> None:
    assert str(cells.amount(cell, scale)) == yuan


@pytest.mark.parametrize(
    "cell",
    [
        "约三百",
        "300余万元",
        "300-500",
        "1,00",
        "-5",
        -5.0,
        "100万美元",
        "50%",
        True,
        AUGUST_4,
        "1e5",
        float("nan"),
        float("inf"),
        1e300,
        "9" * 400,
    ],
)
def test_no_amount(cell: Cell) -> None:
    assert isinstance(cells.amount(cell, WAN), Wrong)


def test_a_bare_number_under_a_heading_without_unit_is_not_guessed() -> None:
    assert "没有单位" in str(cells.amount(1173.25))


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("13800130133", "13800130133"),
        (13800130133.0, "13800130133"),
        (13800130133, "13800130133"),
        ("13800130133.0", "13800130133"),
        ("138 0013 0248", "13800130248"),
        ("138-0013-0248", "13800130248"),
        ("１３８００１３０１２９", "13800130129"),
        ("+86 13800130133", "13800130133"),
        ("\u202d13800130133\u202c", "13800130133"),
        ("0432-65222222", "0432-65222222"),
        ("（0432）65222222", "0432-65222222"),
        ("043265222222", "0432-65222222"),
        ("0432—65222222转801", "0432-65222222-801"),
        ("010-65222222", "010-65222222"),
        ("400-123-4567", "400-123-4567"),
        ("4001234567", "400-123-4567"),
        ("", ""),
        ("无", ""),
    ],
)
def test_a_phone(cell: Cell, phone: str) -> None:
    assert cells.phone(cell) == phone


@pytest.mark.parametrize(
    "cell",
    [
        "12345",
        "1380013013",
        "138001301334",
        "1.38E+10",
        13800130133.5,
        "65222222",
        "张三",
        "23800130133",
        "13800130133、13800130134",
        True,
        AUGUST_4,
        "0432-1",
        "010-5222",
    ],
)
def test_no_phone(cell: Cell) -> None:
    assert isinstance(cells.phone(cell), Wrong)


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("是", True),
        ("√", True),
        ("✔", True),
        ("Ｙ", True),
        (True, True),
        (1.0, True),
        ("重点", True),
        ("否", False),
        ("", False),
        (" ", False),
        ("×", False),
        (False, False),
        (0.0, False),
        ("/", False),
    ],
)
def test_yes_or_no(cell: Cell, key: bool) -> None:
    assert cells.yes_no(cell) is key


def test_maybe() -> None:
    assert isinstance(cells.yes_no("可能"), Wrong)


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (cells.label, "磐石戊辰农产品有限公司（样例） ", "磐石戊辰农产品有限公司（样例）"),
        (cells.label, "张　三", "张三"),
        (cells.label, "磐石\n乙丑公司", "磐石乙丑公司"),
        (cells.label, "ABC  Ltd", "ABC Ltd"),
        (cells.label, "—", ""),
        (cells.text, "一、\r\n二、\x00", "一、\n二、"),
        (cells.unit_name, "市 水 利 局", "市水利局"),
        (cells.unit_name, "开发区(管委会)", "开发区（管委会）"),
        (cells.number, "ＰＳ—2018-0001 ", "PS-2018-0001"),
        (cells.number, 7.0, "7"),
        (cells.category, "拖欠账款 ", "拖欠账款"),
        (cells.category, "", ""),
        (cells.email, " head0@panshi.example ", "head0@panshi.example"),
        (cells.wecom, "liaison0b", "liaison0b"),
    ],
)
def test_words(read: Callable[[Cell], object], cell: Cell, value: str) -> None:
    assert read(cell) == value


@pytest.mark.parametrize(
    ("read", "cell"),
    [(cells.email, "head0"), (cells.email, "a@b"), (cells.wecom, "张三"), (cells.label, "长" * 201)],
)
def test_wrong_words(read: Callable[[Cell], object], cell: Cell) -> None:
    assert isinstance(read(cell), Wrong)


def test_an_unknown_category_is_told_what_there_is() -> None:
    wrong = cells.category("拖欠帐款")
    assert isinstance(wrong, Wrong)
    assert wrong.hint.startswith("可选：政策承诺不兑现、")
    assert wrong.hint.endswith("是否为“拖欠账款”？")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("\x1b[31m红", "[31m红"),
        ("一\n二", "一 二"),
        ("字" * 50, "字" * 40 + "…"),
        ("找13800130133", "找138****0133"),
    ],
)
def test_what_a_message_shows(cell: Cell, shown: str) -> None:
    assert cells.show(cell) == shown


anything = (
    st.one_of(
        st.text(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        st.booleans(),
        st.dates(),
        st.datetimes(),
        st.times(),
    )
    | st.timedeltas()
    | st.builds(Broken, st.text())
)
readers = st.sampled_from(
    [
        cells.text,
        cells.label,
        cells.unit_name,
        cells.number,
        cells.day,
        cells.term_day,
        cells.amount,
        cells.phone,
        cells.email,
        cells.wecom,
        cells.yes_no,
        cells.category,
        cells.show,
    ]
)


@given(readers, anything)
def test_no_cell_breaks_a_reader(read: Callable[[Cell], object], cell: Cell) -> None:
    read(cell)


@given(
    st.dates(dt.date(2005, 1, 1), dt.date(2048, 12, 31)),
    st.sampled_from(["%Y年%m月%d日", "%Y.%m.%d", "%Y/%m/%d"]),
)
def test_a_day_written_is_the_day_read(day: dt.date, form: str) -> None:
    assert cells.day(day.strftime(form)) == day


@given(st.decimals(0, 10**7, places=2))
def test_an_amount_written_is_the_amount_read(wan: Decimal) -> None:
    assert cells.amount(f"{wan:,}万元") == cells.amount(float(wan), WAN) == wan * WAN
