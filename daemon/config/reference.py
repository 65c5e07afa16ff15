"""Every key on one page, made from the models: ``python -m daemon.config.reference [--check] [FILE]``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from daemon.config.models import (
    CalendarFile,
    CampaignFile,
    ChannelFile,
    ChannelsFile,
    DubanFile,
    LaddersFile,
    Shape,
)
from daemon.config.schema import schema
from daemon.domain.ladder import ANCHORS, PUBLISHED, Act, Role, SubjectKind
from daemon.domain.why import ANCHOR_TITLES, ROLE_TITLES

Node = Mapping[str, Any]
PAGE = Path(__file__).parents[2] / "docs" / "reference.zh-CN.md"
FILES: Mapping[str, tuple[type[Shape], str]] = {
    "ladders.yaml": (LaddersFile, "梯次：什么时候、对谁、采取什么措施。改后执行 `duban reload`。"),
    "channels.yaml": (ChannelsFile, "渠道：用哪家服务商、什么时段发、哪几批。改后执行 `duban reload`。"),
    "campaigns/….yaml": (
        CampaignFile,
        "专项行动：阶段、报送、目标，一个行动一个文件。改后执行 `duban reload`。",
    ),
    "calendar.yaml": (CalendarFile, "放假与调休，写在程序自带的安排之上。改后执行 `duban reload`。"),
    "duban.yaml": (DubanFile, "本机部署。改后重启服务。"),
}
KIND_TITLES = {
    SubjectKind.CASE: "问题",
    SubjectKind.FILING: "报送",
    SubjectKind.TARGET: "目标",
    SubjectKind.PHASE: "阶段",
    SubjectKind.CAMPAIGN: "行动",
}
NAME_TITLES = {
    "open": "未办结（问题：已交办未报结；报送：未报送或被退回；其他总是成立）",
    "unsigned": "未办结，且单位没有人签收",
    "overdue": "已过时限",
    "key": "重点问题",
    "days_left": "离时限还有几天，过了是负数",
    "rate": "整改率，0 到 1；没有问题时没有值",
    "total": "问题数（不含已撤销）",
    "closed": "已销号数",
    "missing": "离目标还差几件",
    "verdict": "达标与否：reached、missed、no_cases",
    "behind": "落后于序时进度",
    "pace": "序时进度应办结的件数",
    "min_cases": "序时进度的最少问题数（pace.min_cases）",
    "case.no": "问题编号",
    "case.state": "问题的状态，如 assigned、signed、submitted、returned",
    "case.due_on": "整改时限，可能没有（is none）",
    "case.assigned_on": "交办日期",
    "case.found_on": "发现日期",
    "case.amount": "涉及金额，元",
    "case.category": "问题类别",
    "case.source": "问题来源",
    "case.returns": "被退回的次数",
    "case.extensions": "延期的次数",
    "filing.kind": "是哪一种报送，filings 里的名字",
    "filing.state": "报送的状态，如 open、submitted、returned",
    "filing.due_on": "报送期限",
    "target.due_on": "目标日期",
    "target.percent": "目标整改率，如 60",
    "phase.id": "是哪个阶段，phases 里的名字",
    "phase.from": "阶段的第一天",
    "phase.to": "阶段的最后一天",
    "phase.days": "阶段有多少天",
    "unit.name": "单位名称",
    "unit.kind": "单位类别",
    "unit.total": "该单位的问题数",
    "unit.closed": "该单位的已销号数",
}
_OWN_KEYS = {
    "acts": "措施", "ladders": "梯次", "rungs": "级", "channels": "渠道", "templates": "模板",
    "bundles": "批次", "budgets": "渠道", "phases": "阶段", "filings": "报送", "years": "年",
}  # fmt: skip
"""What stands in the place of a key that the office chooses itself."""
_DATES = r"\d{4}-\d\d-\d\d(?:\.\.\d{4}-\d\d-\d\d)?"
_WORDY = r"(?:[^\W\d]|[./$])[^\[\]{},:#&*!|>'\"`]*"
_PLAIN = re.compile(rf"{_DATES}|{_WORDY}|[+-]?\d+ \w+|\d+%|20\d\d")
"""Texts that need no quotes."""


def page() -> str:
    """Return the whole page."""
    parts = [
        "# 配置文件的每一项",
        "这一页由程序生成（`python -m daemon.config.reference`），请不要手改。",
        "写法：`键: 值`，冒号后留一个空格，标点一律用英文半角。“＜…＞”处由各单位自己取名，"
        "只用小写英文字母、数字、`-` 和 `_`。改完先执行 `duban check`。",
    ]
    for place, (shape, about) in FILES.items():
        parts += [f"## {place}", about, *_tables(shape)]
    return "\n\n".join([*parts, *_words()]) + "\n"


def _tables(shape: type[Shape]) -> Iterator[str]:
    whole = schema(shape)
    rows = list(_rows(whole, whole, "", ""))
    for title in dict.fromkeys(title for title, _ in rows):
        if title:
            yield f"### {title}"
        yield _table(("键", "含义", "不写时", "单位", "例"), [row for of, row in rows if of == title])


def _rows(whole: Node, node: Node, before: str, title: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each key of a mapping with those inside it; ``title`` names the provider whose keys they are."""
    required = node.get("required", ())
    for name, value in node.get("properties", {}).items():
        path = f"{before}{name}"
        default = "必填" if name in required else _default(value.get("default"))
        example = f"`{yaml(value['examples'][0])}`"
        yield title, (f"`{path}`", value["description"], default, value.get("x-unit", ""), example)
        yield from _inside(whole, value, path, title)


def _inside(whole: Node, value: Node, path: str, title: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for inner, step in _steps(value, path.rpartition(".")[2]):
        if "oneOf" in inner:
            yield from _providers(whole, inner, f"{path}{step}.")
        else:
            yield from _rows(whole, _resolved(whole, inner), f"{path}{step}.", title)


def _providers(whole: Node, choice: Node, before: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what every provider's channel may say, then what each wants."""
    yield from _rows(whole, ChannelFile.model_json_schema(), before, "各渠道都可以写的")
    for provider, ref in choice["discriminator"]["mapping"].items():
        node = _resolved(whole, {"$ref": ref})
        own = {
            name: value for name, value in node["properties"].items() if name not in ChannelFile.model_fields
        }
        yield from _rows(whole, {**node, "properties": own}, before, f"provider: {provider}")


def _steps(value: Node, name: str) -> Iterator[tuple[Node, str]]:
    """Yield what lies inside a value, and how its key is written."""
    own = f".＜{_OWN_KEYS.get(name, '名称')}＞"
    yield from ((inner, own) for inner in value.get("patternProperties", {}).values())
    if isinstance(inner := value.get("additionalProperties"), dict):
        yield inner, own
    if "items" in value:
        yield value["items"], "[]"
    yield from ((option, "") for option in (value, *value.get("anyOf", ())) if "$ref" in option)


def _resolved(whole: Node, node: Node) -> Node:
    found: Node = whole["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return found


def _default(value: object) -> str:
    nothing = value in (None, [], {}) or (isinstance(value, dict) and not any(value.values()))
    return "" if nothing else f"`{yaml(value)}`"


def yaml(value: object) -> str:
    """Return a value as YAML in one line, quoted where a clerk would have to."""
    match value:
        case bool() | int() | float():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{yaml(k)}: {yaml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(yaml, value)) + "]"
        case _:
            text = str(value)
            quote = "'" if '"' in text else '"'
            return text if _PLAIN.fullmatch(text) else f"{quote}{text}{quote}"


def _words() -> Iterator[str]:
    yield "## 措施（act）"
    yield _table(("写法", "措施"), [(f"`{act.value}`", act.label) for act in Act])
    yield "## 岗位（to、copy、approval、signed_by）"
    yield _table(("写法", "岗位"), [(f"`{role.value}`", ROLE_TITLES[role]) for role in Role])
    yield "## 基准日（from）"
    yield _by_kind(ANCHORS, ANCHOR_TITLES)
    yield "## 条件里的名称（when）"
    yield "用 `and`、`or`、`not`、比较、`in`、`is none` 和加减连起来；文字放在英文引号内。"
    yield _by_kind(PUBLISHED, NAME_TITLES)


def _by_kind(words: Mapping[SubjectKind, Iterable[str]], titles: Mapping[str, str]) -> str:
    """Return which words each kind of subject has."""
    rows = []
    for word, title in titles.items():
        kinds = [KIND_TITLES[kind] for kind in SubjectKind if word in words[kind]]
        rows.append((f"`{word}`", title, "、".join(kinds)))
    return _table(("写法", "含义", "about"), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main(arguments: Sequence[str]) -> int:
    path = next((Path(each) for each in arguments if not each.startswith("-")), PAGE)
    if "--check" in arguments:
        if path.is_file() and path.read_text(encoding="utf-8") == page():
            return 0
        sys.stderr.write(f"{path.name} is stale; run python -m daemon.config.reference\n")
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
