"""Finds what a person names: units, cases, people, filings; an unknown name is answered with the nearest."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from sqlalchemy import Connection

from daemon.domain.campaign import Campaign
from daemon.errors import NotFoundError, RefusedError
from daemon.store import listing, registry


def _plain(name: str) -> str:
    """Return a name half-width and without spaces, as the workbooks' names are kept."""
    narrow = re.sub(r"\s+", "", unicodedata.normalize("NFKC", name))
    return narrow.replace("(", "（").replace(")", "）")


def _unknown(what: str, name: str, known: Iterable[str], where: str) -> NotFoundError:
    near = get_close_matches(name, list(dict.fromkeys(known)), n=3, cutoff=0.5)
    hint = f"；是不是{'、'.join(f'“{each}”' for each in near)}？" if near else f"；用 {where} 查看"
    return NotFoundError(f"没有{what}“{name}”{hint}")


def unit_named(connection: Connection, name: str) -> int:
    """Return the unit of that name or short name."""
    known = registry.units_by_name(connection)
    found = known.get(name, known.get(_plain(name)))
    if found is None:
        raise _unknown("这个责任单位", name, known, "duban unit list")
    return found


def case_named(connection: Connection, no: str) -> str:
    """Return the number of a case as it is on file, however its letters and digits were typed."""
    known = listing.case_numbers(connection)
    if no in known:
        return no
    folded = {each.casefold(): each for each in known}
    typed = re.sub(r"\s+", "", unicodedata.normalize("NFKC", no))
    if found := folded.get(typed.casefold()):
        return found
    alike = [each for each in known if _serial(each) == _serial(typed)]
    raise _unknown("这个编号的问题：", typed, alike or known, "duban case list")


def _serial(no: str) -> int | None:
    """Return the number at the end of a case's number: 1 for PS-2018-0001."""
    digits = re.search(r"(\d+)$", no)
    return int(digits[1]) if digits else None


def person_named(connection: Connection, who: str) -> listing.PersonLine:
    """Return the one person of that name, phone, mail address or WeCom account."""
    everybody = listing.all_people(connection)
    found = [p for p in everybody if who in (p.name, p.phone, p.email, p.wecom)]
    if not found:
        raise _unknown("这个人", who, (p.name for p in everybody), "duban person list")
    if len(found) > 1:
        raise RefusedError(f"有 {len(found)} 个人叫“{who}”，请改用手机号、邮箱或企业微信账号")
    return found[0]


def filing_named(campaigns: Mapping[str, Campaign], word: str) -> tuple[str, str]:
    """Return the campaign and the key of the filing of that key or title."""
    found = [
        (campaign.id, rule.id)
        for campaign in campaigns.values()
        for rule in campaign.filings.values()
        if _plain(word) in (rule.id, _plain(rule.title))
    ]
    if not found:
        known = [name for c in campaigns.values() for r in c.filings.values() for name in (r.id, r.title)]
        near = get_close_matches(word, known, n=1, cutoff=0.5)
        hint = f"是不是“{near[0]}”？" if near else f"可用：{'、'.join(known)}"
        raise NotFoundError(f"没有“{word}”这项报送；{hint}")
    if len(found) > 1:
        raise RefusedError(f"几个专项行动都有“{word}”这项报送，请在各自的配置里改成不同的名称")
    return found[0]
