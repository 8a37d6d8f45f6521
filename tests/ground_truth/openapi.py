"""GitHub's own description of its API, as a judge of single answers."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]

NPM = Path(__file__).parents[2] / ".cache" / "npm" / "node_modules" / "@octokit"
METHODS = ("get", "post", "patch", "put", "delete")

formats = jsonschema.FormatChecker(formats=())


@formats.checks("uri")  # type: ignore[untyped-decorator]
def _uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


@formats.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ"))


class Description:
    """`api.github.com.json` of npm's @octokit/openapi. Raises OSError when it is not installed."""

    def __init__(self) -> None:
        document = json.loads((NPM / "openapi" / "generated" / "api.github.com.json").read_text("utf-8"))
        assert document["openapi"].startswith("3.0.")
        self._document = _nullable(document)
        self._paths = [(_pattern(path), path) for path in document["paths"]]

    def check(self, method: str, path: str, status: int, body: bytes) -> str:
        """Raise AssertionError unless GitHub may answer so; returns "METHOD template status".

        An error that the description does not list for a path must have the shape of any error.
        """
        found = max(
            (template for pattern, template in self._paths if pattern.fullmatch(path)),
            key=lambda template: -template.count("{"),
            default="",
        )
        operation = self._document["paths"].get(found, {}).get(method.lower())
        assert operation, f"GitHub has no {method} {path}"
        said = f"{method} {found} {status}"
        answer = operation["responses"].get(str(status))
        assert answer or status >= 300, f"GitHub never answers {said}"
        while answer and "$ref" in answer:
            answer = self._document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        schema = (answer or {}).get("content", {}).get("application/json", {}).get("schema")
        if status >= 300 and not schema:
            schema = {"$ref": "#/components/schemas/basic-error"}
        if status in (204, 302, 304):
            assert not body, f"{said} has a body"
            return said
        validator = jsonschema.Draft4Validator(self._document | (schema or {}), format_checker=formats)
        faults = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(json.loads(body))]
        assert not faults, f"{said}: {faults}"
        return said


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", template)
    return re.compile("".join((".+" if p == "{ref}" else "[^/]+") if p[:1] == "{" else re.escape(p) for p in parts))


def _nullable(value: Any) -> Any:
    """OpenAPI 3.0 writes `nullable: true` where JSON Schema has a second type."""
    if isinstance(value, list):
        return [_nullable(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _nullable(item) for key, item in value.items() if not (key == "nullable" and item is True)}
    return plain if len(plain) == len(value) else {"anyOf": [{"type": "null"}, plain]}
