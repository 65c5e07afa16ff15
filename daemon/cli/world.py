"""The demonstration's world: accounts at the stand-ins, and what the units do in it."""

from __future__ import annotations

import json
import random
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from daemon import acts
from daemon.config.compiled import RuleSet, compile_rules
from daemon.config.source import load_rules
from daemon.domain.ladder import SubjectKind
from daemon.errors import RefusedError
from daemon.render import Renderer
from daemon.sandbox import Options
from daemon.simulate import Script
from daemon.store import people, subjects
from daemon.store.engine import reading
from daemon.store.facts import Matter, load_campaigns, load_units

SEED = 2018
LATE_SHARE = 0.06
HAND_IN = time(15)
ACCOUNTS = (
    "SMTP_USER",
    "SMTP_PASSWORD",
    "TENCENT_SECRET_ID",
    "TENCENT_SECRET_KEY",
    "TENCENT_APP_ID",
    "WECOM_CORP_ID",
    "WECOM_SECRET",
)


@dataclass(frozen=True)
class Accounts:
    """Credentials at the stand-ins, made up for one run."""

    values: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        return {f"DUBAN_SANDBOX_{name}": value for name, value in self.values.items()}


def make_accounts() -> Accounts:
    values = {name: secrets.token_hex(12) for name in ACCOUNTS}
    return Accounts({**values, "WECOM_AGENT_ID": "1000002"})


def lay_out(folder: Path, config: Path) -> Path:
    """Make a fresh folder with a config of its own: the shipped one, its channels led to the sandbox."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    mine = folder / "config"
    shutil.copytree(config, mine, ignore=shutil.ignore_patterns("demo", "schema", "systemd"))
    shutil.copy(config / "demo" / "channels.yaml", mine / "channels.yaml")
    return mine


def sandbox_options(engine: Engine, rule_set: RuleSet, accounts: Accounts, state: Path) -> Path:
    """Write what the sandbox is told: accounts, registered SMS texts, and who is behind an address."""
    settings = rule_set.channels["sms"]
    told = {
        "accounts": accounts.values,
        "sign": str(settings.options["sign"]),
        "sms_templates": registered_texts(rule_set),
        "contacts": contacts(engine),
    }
    path = state / "sandbox-options.json"
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    path.chmod(0o600)
    return path


def registered_texts(rule_set: RuleSet) -> dict[str, str]:
    """Return the SMS texts as they are registered with the provider, by template id."""
    renderer = Renderer(rule_set.templates)
    templates = rule_set.channels["sms"].options.get("templates")
    assert isinstance(templates, Mapping)
    return {
        str(each["id"]): renderer.sms_form(name, rule_set.office.phone).text
        for name, each in templates.items()
    }


def contacts(engine: Engine) -> dict[str, str]:
    """Return who is behind each address, with the unit, as the inbox shows it."""
    with reading(engine) as connection:
        persons = people.load_all(connection)
    return {
        address: person.name
        for person in persons.values()
        for address in (person.phone, person.email, person.wecom)
        if address
    }


def filing_scripts(engine: Engine, rule_set: RuleSet, start: datetime) -> list[Script]:
    """Return how the units hand in their filings: the day before they are due, but for a seeded few.

    Those come late, one of them never. What was due before ``start`` is left as it is on file.
    """
    with reading(engine) as connection:
        filings = subjects.all_of(connection, SubjectKind.FILING)
        names = load_units(connection)
        campaigns = load_campaigns(connection, rule_set.campaigns)
    chance = random.Random(SEED)  # noqa: S311  # nosec B311 # a seeded play, not a secret
    late = (
        set(chance.sample(range(len(filings)), max(2, int(len(filings) * LATE_SHARE)))) if filings else set()
    )
    never = max(late, default=-1)
    scripts: list[Script] = []
    for number, filing in enumerate(filings):
        zone = campaigns[filing.campaign].zone
        if number == never or filing.due_on is None or filing.due_on < start.astimezone(zone).date():
            continue
        day = filing.due_on + timedelta(days=chance.randint(2, 9) if number in late else -1)
        at = datetime.combine(day, HAND_IN, zone)
        if at >= start:
            campaign = campaigns[filing.campaign].id
            by = names[filing.unit].name if filing.unit else ""
            scripts.append(Script(at, partial(_hand_in, engine, rule_set, campaign, filing, by)))
    return scripts


def _hand_in(
    engine: Engine, rule_set: RuleSet, campaign: str, filing: Matter, by: str, now: datetime
) -> None:
    assert filing.unit is not None
    try:
        acts.on_filing(engine, rule_set, campaign, filing.key, filing.unit, "submitted", now, by=by)
    except RefusedError:
        return  # it was handed in already


def options(told: Mapping[str, Any], state: Path, smtp_port: int = 0, http_port: int = 0) -> Options:
    """Return the sandbox's options from what ``sandbox_options`` wrote."""
    accounts = told["accounts"]
    return Options(
        state=state,
        smtp_port=smtp_port,
        http_port=http_port,
        smtp_user=accounts["SMTP_USER"],
        smtp_password=accounts["SMTP_PASSWORD"],
        tencent_secret_id=accounts["TENCENT_SECRET_ID"],
        tencent_secret_key=accounts["TENCENT_SECRET_KEY"],
        tencent_app_id=accounts["TENCENT_APP_ID"],
        tencent_sign=told["sign"],
        sms_templates=told["sms_templates"],
        wecom_corp_id=accounts["WECOM_CORP_ID"],
        wecom_secret=accounts["WECOM_SECRET"],
        wecom_agent_id=accounts["WECOM_AGENT_ID"],
        contacts=told["contacts"],
    )


def standalone(config: Path, templates: Path) -> dict[str, Any]:
    """Return what a sandbox started by hand is told: fresh accounts, and the config's SMS texts."""
    rule_set = compile_rules(load_rules(config, templates))
    sms = rule_set.channels.get("sms")
    return {
        "accounts": dict(make_accounts().values),
        "sign": str(sms.options.get("sign", "")) if sms else "",
        "sms_templates": registered_texts(rule_set) if sms and sms.provider == "tencent" else {},
        "contacts": {},
    }


def exports(accounts: Mapping[str, str], smtp_port: int, http_port: int, ca_file: Path) -> list[str]:
    """Return the lines that lead a shell's ``duban run`` to the sandbox."""
    where = listening("127.0.0.1", smtp_port, http_port, ca_file)
    return [f"export {name}={value}" for name, value in (Accounts(accounts).environment() | where).items()]


def listening(host: str, smtp_port: int, http_port: int, ca_file: Path | str) -> dict[str, str]:
    """Return the variables that say where a sandbox listens."""
    return {
        "DUBAN_SANDBOX_HTTP": f"http://{host}:{http_port}",
        "DUBAN_SANDBOX_SMTP_PORT": str(smtp_port),
        "DUBAN_SANDBOX_CA": str(ca_file),
    }
