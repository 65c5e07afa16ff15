"""What Jinja2 complains of, in the words of an office clerk."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinja2.exceptions import (
    SecurityError,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
)

_HEADS: Mapping[type[Exception], str] = {
    TemplateSyntaxError: "语法有误",
    TemplateNotFound: "引用的模板不存在",
    UndefinedError: "用到了不存在的名称",
    SecurityError: "不允许",
    RecursionError: "模板引用了自己",
}
_TOKENS = {
    "end of print statement": "}}",
    "end of statement block": "%}",
    "end of template": "文件结尾",
    "name": "名称",
    "integer": "数字",
    "string": "文字",
}
_COMPLAINTS: tuple[tuple[type[Exception], str, str], ...] = (
    # what is missing at the end
    (
        TemplateSyntaxError,
        r"(?:nesting mistake|end of template).*to be closed is '(\w+)'",
        "缺少 {{% end{0} %}}",
    ),
    (TemplateSyntaxError, r"[Uu]nknown tag '(end\w+|elif|else)'", "多出了 {{% {0} %}}"),
    (TemplateSyntaxError, r"[Uu]nknown tag '(\w+)'", "没有 {{% {0} %}} 这种写法"),
    (TemplateSyntaxError, r"Missing end of comment", "说明没有写完，缺少 #}}"),
    (TemplateSyntaxError, r"Missing end of raw", "缺少 {{% endraw %}}"),
    # single signs and words
    (TemplateSyntaxError, r"No (?:filter|test) named '([^']+)'", "没有“|{0}”这种写法"),
    (TemplateSyntaxError, r"block '(\w+)' defined twice", "block {0} 写了两次"),
    (TemplateSyntaxError, r"unexpected char [\"']([^\w\s])[\"'] at", "这里不能用“{0}”"),
    (TemplateSyntaxError, r"unexpected '([^']+)', expected '([^']+)'", "“{0}”前面缺少“{1}”"),
    (TemplateSyntaxError, r"unexpected '([^']+)'", "多出或写错了“{0}”，变量要写成 {{{{ 名称 }}}}"),
    (TemplateSyntaxError, r"Expected an expression, got '([^']+)'", "“{0}”前面没有写内容"),
    (TemplateSyntaxError, r"expected token '([^']+)', got '([^']+)'", "“{1}”处应为“{0}”"),
    (TemplateSyntaxError, r"expected name or number", "“.”后面应为名称或数字"),
    # values
    (UndefinedError, r"^'(\w+)' is undefined", "“{0}”"),
    (UndefinedError, r"has no element (\d+)", "：列表没有下标为 {0} 的一项"),
    (UndefinedError, r"has no (?:attribute|element) '?(\w+)'?", "“{0}”"),
    (SecurityError, r"access to attribute '(\w+)'", "不能取“{0}”"),
    (TypeError, r"argument", "括号里给的值个数不对"),
    (TypeError, r"not callable", "不能这样加括号"),
    (TypeError, r"not supported", "两边的值不能这样比较或计算"),
    (ArithmeticError, r"division by zero", "除数为零"),
    (AttributeError, r"", "这种写法不能用在这个值上"),
)
_POSITION = re.compile(r"unexpected char .+ at (\d+)$")


def say(error: Exception) -> str:
    """Return what is wrong with a template; Jinja2's own words only where nothing else is known."""
    head = next((words for kind, words in _HEADS.items() if isinstance(error, kind)), "模板无法使用")
    detail = (error.message if isinstance(error, TemplateError) else None) or str(error)
    for kind, pattern, said in _COMPLAINTS:
        if isinstance(error, kind) and (match := re.search(pattern, detail)):
            words = said.format(*(_TOKENS.get(group, group) for group in match.groups()))
            return f"{head}{words}" if kind is UndefinedError else f"{head}：{words}"
    return detail if detail.startswith(head) else f"{head}（{detail}）"


def column(error: Exception) -> int:
    """Return the column that an error of syntax stands at, as far as Jinja2 tells (0: it does not)."""
    if not isinstance(error, TemplateSyntaxError) or error.source is None:
        return 0
    match = _POSITION.search(error.message or "")
    return int(match[1]) - error.source.rfind("\n", 0, int(match[1])) if match else 0
