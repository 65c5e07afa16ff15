"""Config folders and conditions, from nearly right to not at all."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from daemon.config.compiled import compile_rules
from daemon.config.conditions import SAMPLE, check_condition, compile_condition
from daemon.config.deployment import load_deployment
from daemon.config.source import load_rules
from daemon.config.words import WordError
from daemon.domain.ladder import PUBLISHED, SubjectKind
from daemon.domain.plan import occurrences
from daemon.errors import FaultyInputError
from tests.fuzz.mutations import ODD_WORDS, Chance, spoilt

ROOT: Final = Path(__file__).parents[2]
PLACES: Final = ("duban.yaml", "ladders.yaml", "channels.yaml", "calendar.yaml", "campaigns/panshi-2018.yaml")
TAGS: Final = (
    "bool",
    "int",
    "float",
    "timestamp",
    "binary",
    "set",
    "omap",
    "pairs",
    "null",
    "python/object:os.system",
    "merge",
)
YAML: Final = (
    *ODD_WORDS,
    "&a",
    "*a",
    "<<: *a",
    "<<: {a: 1}",
    "? [a]",
    "? {a: b}",
    "---",
    "...",
    "%YAML 9.9",
    "|",
    ">-",
    "- - - -",
    "[" * 2000,
    "{a: " * 500,
    "${env:HOME}",
    "${file:/etc/hostname}",
    '"${env:',
    "+99999 workdays",
    "-1000 workdays",
    "0 0 31 2 *",
    "0 0 * * L",
    "*/0 * * * *",
    "0 0 29 2 1#5",
    "1:99:99",
    "0b",
    "0o9",
    "2018-08-16..2020-12-31",
    "0001-01-01",
    "9999-12-31",
    "：",
    "；",
    "\t",
    *(f"!!{tag}" for tag in TAGS),
    *(f"!!{tag} x" for tag in TAGS),
)
PIECES: Final = (
    "open",
    "overdue",
    "case.due_on",
    "case.amount",
    "days_left",
    "rate",
    "case.state",
    "unit.name",
    "unknown",
    " and ",
    " or ",
    "not ",
    " == ",
    " < ",
    " in ",
    " is none",
    " is not none",
    " is defined",
    "|int",
    "|float",
    "|length",
    "|lower",
    "|abs",
    "|e",
    "(",
    ")",
    "[",
    "]",
    ",",
    "-",
    "+",
    "*",
    "**",
    "~",
    "%",
    ".",
    "9" * 250,
    "9" * 290,
    "1e308",
    "1e999",
    "1e-400",
    "0.5",
    '"nan"',
    '"inf"',
    '"assigned"',
    "none",
    "true",
    "{{",
    "}}",
    "#",
    "\n",
)


@cache
def _shipped() -> dict[str, str]:
    return {place: (ROOT / "config" / place).read_text(encoding="utf-8") for place in PLACES}


def make(chance: Chance) -> tuple[str, bytes]:
    """Return a file of a config folder, and what is written there instead."""
    place = chance.choice(PLACES)
    text = _shipped()[place]
    if chance.random() < 0.6:
        return place, _edited(text, chance).encode(errors="surrogatepass")
    spoiled = spoilt(text.encode(chance.choice(("utf-8", "utf-8", "gb18030", "utf-16"))), chance)
    return place, chance.choice((spoiled, spoiled, spoiled, b"", chance.randbytes(200)))


def _edited(text: str, chance: Chance) -> str:
    """Return a file after an absent-minded edit or three: lines moved, values replaced."""
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 3))):
        at = chance.randrange(len(lines))
        line = lines[at]
        match chance.randrange(6):
            case 0:
                lines.insert(chance.randrange(len(lines)), line)
            case 1:
                del lines[at]
                lines.append("")
            case 2:
                lines[at] = " " * chance.randrange(9) + line.lstrip()
            case _:
                words = line.split(" ")
                word = chance.randrange(len(words))
                words[word] = chance.choice((chance.choice(YAML), words[word] + chance.choice(YAML)))
                lines[at] = " ".join(words)
    return "\n".join(lines)


def try_out(made: tuple[str, bytes], folder: Path) -> None:
    """Load a folder as a start does; what passes must compile, and say when its rungs first speak."""
    place, content = made
    config = folder / "config"
    shutil.rmtree(config, ignore_errors=True)
    (config / "campaigns").mkdir(parents=True)
    for name, text in _shipped().items():
        (config / name).write_text(text, encoding="utf-8")
    (config / place).write_bytes(content)
    with suppress(FaultyInputError):
        load_deployment(config, {})
    try:
        rule_set = compile_rules(load_rules(config, folder / "none"))
    except FaultyInputError as error:
        if not error.faults:
            raise ValueError("a refusal without a reason") from error
        return
    zone = next(iter(rule_set.campaigns.values())).zone
    for ladder in rule_set.ladders.values():
        for rung in ladder.rungs:
            next(occurrences(rung.wording, date(2018, 12, 31), rule_set.calendar, zone), None)


def make_condition(chance: Chance) -> tuple[str, str]:
    kind = chance.choice(tuple(SubjectKind))
    names = tuple(PUBLISHED[kind])
    pieces = [
        chance.choice((chance.choice(PIECES), chance.choice(names))) for _ in range(chance.randrange(1, 12))
    ]
    text = "".join(pieces)
    return kind.value, chance.choice((text, "(" * chance.randrange(300) + text, "not " * 70 + text))


def try_condition(made: tuple[str, str], _: Path) -> None:
    """Check a condition; what passes must be judged for a subject that has every fact."""
    kind, text = made
    try:
        check_condition(text, SubjectKind(kind))
    except WordError:
        return
    compile_condition(text).holds(SAMPLE)
