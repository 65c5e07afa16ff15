"""Runs one command and answers for it: exit codes, and every fault in one Chinese line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import typer

from daemon.cli.commands import program
from daemon.cli.output import say
from daemon.errors import DubanError, FaultyInputError

DONE, AT_FAULT, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
_USAGE = (
    (r"No such option: (\S+)(?: \(Possible options?: (.+)\))?", "没有 {0} 这个选项", "是不是 {1}？"),
    (r"Missing argument '(.+?)'.*", "缺少{0}", ""),
    (r"Missing option (.+?)\.?", "缺少选项 {0}", ""),
    (r"Option '(.+)' requires .*", "{0} 后面要写明内容", ""),
    (r"Option '(.+)' does not take a value.*", "{0} 后面不带内容", ""),
    (r"No such command '(.*?)'\.?(?: Did you mean (.+)\?)?", "没有“{0}”这个命令", "是不是 {1}？"),
    (r"Missing command\.?", "没有写明做什么", ""),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", "多出了“{0}”", "含空格的内容请加引号"),
    (r"Invalid value for '(.+?)': .*valid integer.*", "{0} 应为整数", ""),
    (r"Invalid value for '(.+?)': (.*[\u4e00-\u9fff].*)", "{0}：{1}", ""),
    (r"Invalid value for '(.+?)': .*", "{0} 的内容不对", ""),
    (r"Invalid value: (.*)", "{0}", ""),
)
"""What typer says, and how the office is told."""


def run(args: list[str]) -> int:
    """Run one command line; return 0 done, 1 input or state at fault, 2 wrong usage, 130 interrupted."""
    _outlast_narrow_encodings()
    try:
        result = program().main(args, prog_name="duban", standalone_mode=False)
    except FaultyInputError as error:
        return _say(AT_FAULT, *map(str, error.faults))
    except DubanError as error:
        return _say(AT_FAULT, str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.Abort:
        return _say(AT_FAULT, "已取消，什么都没有改")
    except typer.TyperException as error:
        return _say(error.exit_code, say_usage(error))
    except OSError as error:
        from daemon.cli.words import say_os_error

        return _say(AT_FAULT, say_os_error(error))
    except Exception as error:
        words = _say_database(error)
        if words is None:
            raise
        return _say(AT_FAULT, words)
    return result if type(result) is int else DONE


def _say(code: int, *answers: str) -> int:
    say(*(line for words in answers for line in words.splitlines()))
    return code


def say_usage(error: typer.TyperException) -> str:
    """Say in Chinese how a command was used wrongly, and where its help is."""
    said = error.format_message()
    context: Any = getattr(error, "ctx", None)
    for pattern, words, hint in _USAGE:
        if match := re.fullmatch(pattern, said, re.DOTALL):
            found = [(group or "").replace("'", "").replace(", ", "、") for group in match.groups()]
            said = words.format(*found)
            if hint and (not match.groups() or match.groups()[-1]):
                said += "；" + hint.format(*found)
            break
    else:
        return said
    return f"{said}（用 {context.command_path} --help 查看用法）" if context else said


def _say_database(error: Exception) -> str | None:
    """Say that the database cannot be had; ``None`` where the error is another one."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError

    if not isinstance(error, OperationalError | InterfaceError) and type(error) is not DatabaseError:
        return None
    first = (str(error.orig).strip().splitlines() or [""])[0]
    return _DATABASE.get(first, f"数据库用不了：{first}；请核对 duban.yaml 的 database，或检查磁盘和权限")


_DATABASE = {
    "database is locked": "数据库正忙，请稍后再试",
    "file is not a database": "数据库文件已损坏，或不是数据库；请用备份恢复",
    "unable to open database file": "数据库文件打不开，请检查状态文件夹的权限",
    "attempt to write a readonly database": "数据库文件只读，请检查权限，或换用服务的用户执行",
}


def _outlast_narrow_encodings() -> None:
    """Let a terminal that lacks a character show a question mark, instead of stopping the command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")
