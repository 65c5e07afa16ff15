from __future__ import annotations

from pathlib import Path

import pytest

from daemon.sandbox.inbox import Inbox
from daemon.sandbox.options import Options

LONG = "督办提醒：" + "贵单位有事项将于近日到期，请登录平台办理。" * 4


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        state=tmp_path,
        smtp_user="duban",
        smtp_password="mail-password",
        tencent_secret_id="AKIDtest",
        tencent_secret_key="tencent-key",
        tencent_app_id="1400000000",
        tencent_sign="磐石市软环境建设办公室",
        sms_templates={
            "1001": "督办提醒：贵单位有{1}项事项将于{2}到期，请登录平台办理。",
            "1002": LONG,
            "1003": "贵单位招商引资事项已到期。",
        },
        sms_daily_limit=3,
        wecom_corp_id="ww0000000000000001",
        wecom_secret="wecom-secret",
        wecom_agent_id=1000002,
        contacts={"13800000001": "赵一", "zhaoyi": "赵一", "zhaoyi@example.cn": "赵一"},
    )


@pytest.fixture
def inbox(tmp_path: Path):
    inbox = Inbox(tmp_path / "inbox.jsonl")
    yield inbox
    inbox.close()
