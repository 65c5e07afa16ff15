from __future__ import annotations

import pytest

from daemon.channels.redact import mask_phones, presentable


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13800131234", "138****1234"),
        ("+8613800131234", "+86138****1234"),
        ("008613800131234", "0086138****1234"),
        ("号码：138 0013 1234。", "号码：138****1234。"),
        ("138-0013-1234", "138****1234"),
        ("<13800131234@mail.example>: 550", "<138****1234@mail.example>: 550"),
        ("13800131234,13900131235", "138****1234,139****1235"),
        ("电话0432-65220000", "电话0432-65220000"),
        ("单号138001312345678", "单号138001312345678"),
        ("2018-12-31", "2018-12-31"),
    ],
)
def test_phones_are_masked(text: str, masked: str) -> None:
    assert mask_phones(text) == masked


def test_a_providers_words_become_one_short_line_without_secrets() -> None:
    assert presentable(b"bad\r\n token T0KEN of 13800131234", "T0KEN", "") == "bad token *** of 138****1234"
    assert len(presentable("x" * 5000)) == 300
