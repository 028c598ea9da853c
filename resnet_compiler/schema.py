"""The language as JSON Schema, draft 7: what editors' YAML plug-ins read."""

from __future__ import annotations

from typing import Any, Literal

from resnet_compiler.spec import WORD


def json_schema(form: Literal["network", "block"]) -> dict[str, Any]:
    """The schema of spec files or of block files.

    Pydantic writes draft 2020-12; the two differ here in where definitions stand and in what may stand beside `$ref`.
    """
    from resnet_compiler import spec

    model = spec.Network if form == "network" else spec.Block
    written = _draft7(model.model_json_schema())
    assert isinstance(written, dict)
    title = "resnetc spec" if form == "network" else "resnetc block"
    return {"$schema": "http://json-schema.org/draft-07/schema#", **written, "title": title}


def _draft7(value: Any) -> Any:
    if isinstance(value, list):
        return [_draft7(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {
        ("definitions" if key == "$defs" else key): _draft7(item) for key, item in value.items()
    }
    patterns = result.get("patternProperties")
    if isinstance(patterns, dict) and "additionalProperties" not in result:
        result["additionalProperties"] = False  # a key of another form is refused, not overlooked
    if isinstance(result.get("additionalProperties"), dict) and "properties" in result:
        result["propertyNames"] = {"pattern": WORD, "maxLength": 100}
    reference = result.get("$ref")
    if isinstance(reference, str):
        pointer = {"$ref": reference.replace("#/$defs/", "#/definitions/")}
        beside = {key: item for key, item in result.items() if key not in ("$ref", "default")}
        return {"allOf": [pointer], **beside} if beside else pointer
    return result
