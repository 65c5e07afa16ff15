"""JSON Schemas for editors, made from the models: ``python -m daemon.config.schema [--check] [FOLDER]``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from daemon.config.models import (
    CalendarFile,
    CampaignFile,
    ChannelsFile,
    DubanFile,
    LaddersFile,
    Shape,
)

SHAPES: Mapping[str, type[Shape]] = {
    "duban.json": DubanFile,
    "campaign.json": CampaignFile,
    "ladders.json": LaddersFile,
    "channels.json": ChannelsFile,
    "calendar.json": CalendarFile,
}
FOLDER = Path(__file__).parents[2] / "config" / "schema"


class _AsWritten(GenerateJsonSchema):
    """Keeps keys in the order in which the models have them."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        return value


def schema(shape: type[Shape]) -> dict[str, Any]:
    """Return the JSON Schema of a file."""
    made: dict[str, Any] = _closed(shape.model_json_schema(schema_generator=_AsWritten))
    return made


def rendered(shape: type[Shape]) -> str:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema(shape)
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _closed(node: Any) -> Any:
    """Let a mapping whose keys follow a pattern have no others, as the models do."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if "patternProperties" in node else {}
    return closed | {name: _closed(each) for name, each in node.items()}


def stale(folder: Path) -> list[str]:
    """Return the schemas that differ from what the models say."""
    return [
        name
        for name, shape in SHAPES.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != rendered(shape)
    ]


def main(arguments: Sequence[str]) -> int:
    folder = next((Path(each) for each in arguments if not each.startswith("-")), FOLDER)
    if "--check" in arguments:
        for name in (found := stale(folder)):
            sys.stderr.write(f"{name} is stale; run python -m daemon.config.schema\n")
        return 1 if found else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        (folder / name).write_text(rendered(shape), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
