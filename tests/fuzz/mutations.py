"""Ways to spoil bytes and words, drawn from a seeded chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

Chance = Random
ODD_WORDS: Final = (
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "1E-400",
    "nan",
    ".inf",
    "0x",
    "9" * 400,
    "9" * 5000,
    "2018-02-30",
    "9999-12-31",
    "0000-00-00",
    "2018-13-01T99:99",
    "43000.5",
    "99999",
    "00000",
    "＝1＋1",
    '=HYPERLINK("http://x.example")',
    "@x",
    "\x00",
    "\ufeff",
    "\ud7ff",
    "𠮷",
    "\u202e",
    "\u3000",
    "１２３",
    "壹佰万元",
    "-¥1,415.35万元",
    "+86 138 0013 8000",
    "None",
    "true",
    "null",
    "~",
    "[]",
    "{}",
    "<",
    ">",
    "&",
    '"',
    "'",
    "(",
    ")",
    "()" * 60,
    "(" * 400,
    "</c>",
    "]]>",
    "\r\n",
    "a" * 40_000,
)


def spoilt(content: bytes, chance: Chance, *, splices: Sequence[bytes] = ()) -> bytes:
    """Return the bytes after some small accidents."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        chance.choice(_ACCIDENTS)(data, chance)
        if splices and chance.random() < 0.2:
            at = _place(data, chance)
            data[at:at] = chance.choice(splices)
    return bytes(data)


def _place(data: bytearray, chance: Chance) -> int:
    return chance.randrange(len(data) + 1)


def _flip(data: bytearray, chance: Chance) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    data[at : at + 4] = chance.choice(
        (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", chance.randbytes(4))
    )


def _cut(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 4, 100, 5000))]


def _truncate(data: bytearray, chance: Chance) -> None:
    del data[_place(data, chance) :]


def _repeat(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    piece = data[at : at + chance.choice((1, 8, 200))]
    data[at:at] = piece * chance.choice((1, 3, 100))


def _insert(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    data[at:at] = chance.choice(ODD_WORDS).encode()


_ACCIDENTS: tuple[Callable[[bytearray, Chance], None], ...] = (
    _flip,
    _flip,
    _overwrite,
    _cut,
    _truncate,
    _repeat,
    _insert,
)
