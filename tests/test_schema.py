"""The JSON Schema and the models accept the same documents.

Documents are generated: good ones by the grammar, then most of them damaged in one or two places. They hold what YAML
can (no NaN, string keys). A line break at a text's end is left out: `$` in Python's `re` lets it pass, which the
dialect of JSON Schema and the models do not.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Literal

import pytest
from jsonschema import Draft7Validator

from resnet_compiler import SpecError, library, reader, source
from resnet_compiler.schema import json_schema
from resnet_compiler.validation import validate

Form = Literal["network", "block"]
FORMS: tuple[Form, ...] = ("network", "block")
VALIDATORS = {form: Draft7Validator(json_schema(form)) for form in FORMS}


def verdicts(form: Form, document: object) -> tuple[bool, bool]:
    """What is said of the document as a file, by the models, and by the schema."""
    root = reader.read_text(json.dumps(document), "document.yaml")
    by_model = isinstance(root, source.Mapping)
    if isinstance(root, source.Mapping):
        try:
            by_model = not validate(root, form)[1]
        except SpecError:
            by_model = False
    return by_model, VALIDATORS[form].is_valid(document)


class Generator:
    """Documents from a seed. Each method makes one kind of thing that the language has."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def maybe(self, chance: float = 0.3) -> bool:
        return self.random.random() < chance

    def some(self, make: Callable[[], Any], least: int = 0, most: int = 3) -> list[Any]:
        return [make() for _ in range(self.random.randint(least, most))]

    def word(self) -> str:
        return self.random.choice(["conv", "norm", "a_1", "X", "_x", "relu", "width", "layer1"])

    def layer_name(self) -> str:
        names = ["conv1", "downsample.0", "a.b.c", "part{i + 1}", "{stage}.{index}", "_"]
        return self.random.choice(names)

    def expression(self) -> str:
        return self.random.choice(["width * 4", "n", "floor(a / 2)", "x > 1 and y", "1", "é"])

    def scalar(self) -> Any:
        values = [True, False, None, 0, 1, -3, 64, 0.5, -1e-5, 2.0, 2**40, self.expression()]
        return self.random.choice(values)

    def value(self) -> Any:
        if self.maybe(0.15):
            return self.some(lambda: self.call() if self.maybe() else self.scalar())
        return self.call() if self.maybe(0.15) else self.scalar()

    def arguments(self) -> dict[str, Any]:
        return {self.word(): self.value() for _ in range(self.random.randint(0, 3))}

    def call(self) -> dict[str, Any]:
        return {self.word(): None if self.maybe() else self.arguments()}

    def word_or_call(self) -> Any:
        return self.call() if self.maybe() else self.word()

    def body(self, depth: int) -> dict[str, Any]:
        if depth and self.maybe(0.1):
            count = self.random.choice([2, self.expression()])
            body: dict[str, Any] = {
                "repeat": {"index": self.word(), "count": count, "layers": self.layers(depth - 1)}
            }
        elif self.maybe(0.2):
            body = {"use": self.word()}
        else:
            body = self.call()
        if self.maybe(0.2):
            sources = [self.layer_name(), self.some(self.layer_name, 1), None]
            body["from"] = self.random.choice(sources)
        if self.maybe(0.1):
            body["when"] = self.random.choice([True, self.expression(), None])
        return body

    def layer(self, depth: int = 1) -> dict[str, Any]:
        return {self.layer_name(): self.word() if self.maybe() else self.body(depth)}

    def layers(self, depth: int = 1) -> list[Any]:
        return self.some(lambda: self.layer(depth))

    def stage(self, override: bool = False) -> dict[str, Any]:
        stage = self.arguments()
        if not override or self.maybe():
            stage["block"] = self.word()
        if not override or self.maybe():
            stage["depth"] = self.random.choice([2, self.expression()])
        choices: dict[str, Callable[[], Any]] = {
            "stride": self.value,
            "shortcut": self.word_or_call,
            "first": self.arguments,
            "names": self.layer_name,
        }
        return stage | {key: make() for key, make in choices.items() if self.maybe(0.2)}

    def size(self) -> Any:
        if self.maybe(0.6):
            return self.random.choice([1, 32, 224, 65536])
        fields = {"multiple_of": 32, "minimum": 64, "default": 224}
        return {key: value for key, value in fields.items() if self.maybe()}

    def block(self, named: bool = True) -> dict[str, Any]:
        block: dict[str, Any] = {"name": self.word()} if named else {}
        if self.maybe():
            block |= {"title": "A block", "doc": "What it does"}
        if self.maybe():
            block |= {"parameters": self.arguments(), "let": self.arguments()}
        if self.maybe():
            return block | {"layers": self.layers()}
        parts = {key: self.layers() for key in ("shortcut", "after") if self.maybe()}
        return block | {"residual": self.layers()} | parts

    def network(self) -> dict[str, Any]:
        network: dict[str, Any] = {"name": self.word()}
        extends = self.maybe()
        if extends:
            network["extends"] = self.random.choice(["resnet50", "base.yaml"])
        sections: dict[str, Callable[[], Any]] = {
            "title": lambda: "A network – ü",
            "input": lambda: {"channels": 3, "height": self.size(), "width": self.size()},
            "norm": self.word_or_call,
            "act": self.word_or_call,
            "defaults": lambda: {self.word(): self.arguments()},
            "let": self.arguments,
            "names": self.layer_name,
            "blocks": lambda: {self.word(): self.block(named=False)},
            "expect": lambda: {"weighted_layers": 50, "output_shape": [1000]},
        }
        network |= {key: make() for key, make in sections.items() if self.maybe(0.25)}
        for key in ("stem", "head"):
            if extends and self.maybe(0.2):
                network[key] = {
                    self.layer_name(): self.random.choice([None, self.word(), self.body(1)])
                }
            elif self.maybe(0.5):
                network[key] = self.layers()
        if extends and self.maybe(0.5):
            network["stages"] = {self.random.choice(["*", "layer1"]): self.stage(override=True)}
        elif not extends or self.maybe():
            network["stages"] = self.some(lambda: {self.layer_name(): self.stage()}, 1)
        return network

    # --- damage ---

    def junk(self) -> Any:
        values: list[Any] = [None, True, False, 0, -1, 1, 32.0, 1.5, 2**53, "", "x", "x y", "1x"]
        values += ["*", "ä", "a\tb", "x" * 150, "x" * 250, "x" * 600, [], {}, [1], ["a"], [[]]]
        values += [{"a": 1}, {"a": None, "b": None}, [{"a": {}}], [{}], {"1a": {}}, {"": 1}]
        values += [{"multiple_of": 0}, {"relu": None, "act": None}, {"a": {"b": {"c": {}}}}]
        return copy.deepcopy(self.random.choice(values))

    def damage(self, document: Any) -> Any:
        """The document with one node replaced, removed, renamed or added."""
        places = list(containers(document))
        place = self.random.choice(places)
        if isinstance(place, list):
            if not place or self.maybe():
                place.append(self.junk())
            else:
                index = self.random.randrange(len(place))
                place[index] = [place[index]] if self.maybe() else self.junk()
            return document
        keys = list(place)
        extra = ["nothing", "depth", "from", "name", "layers", "residual", "1st", "a b", "extends"]
        action = self.random.choice(["replace", "replace", "remove", "add", "rename", "wrap"])
        if not keys or action == "add":
            place[self.random.choice(extra)] = self.junk()
            return document
        key = self.random.choice(keys)
        match action:
            case "replace":
                place[key] = self.junk()
            case "remove":
                del place[key]
            case "rename":
                place[self.random.choice(extra)] = place.pop(key)
            case "wrap":
                value = place[key]
                listed = isinstance(value, list)
                place[key] = {"a": value} if listed or self.maybe() else [value]
        return document

    def document(self, form: Form) -> Any:
        document = self.network() if form == "network" else self.block()
        for _ in range(self.random.choice([0, 1, 1, 2])):
            document = self.damage(document)
        return document


def containers(value: Any) -> list[Any]:
    """Every mapping and list in a document, itself the first."""
    found = [value] if isinstance(value, dict | list) else []
    inside = value.values() if isinstance(value, dict) else value if found else ()
    return [*found, *(below for item in inside for below in containers(item))]


@pytest.mark.parametrize(("form", "count"), [("network", 500), ("block", 300)])
def test_the_same_verdict_on_generated_documents(form: Form, count: int) -> None:
    accepted = 0
    for seed in range(count):
        document = Generator(seed).document(form)
        by_model, by_schema = verdicts(form, document)
        assert by_model == by_schema, (
            f"seed {seed}: the model says {by_model}, the schema {by_schema}:\n"
            f"{json.dumps(document, indent=1)}"
        )
        accepted += by_model
    assert 0.3 * count <= accepted <= 0.7 * count, "a healthy mix"


def test_undamaged_documents_are_accepted() -> None:
    """So that the mix above is not of wrong documents alone, wrong for one dull reason."""
    for seed in range(100):
        generator = Generator(seed)
        assert verdicts("network", generator.network()) == (True, True)
        assert verdicts("block", generator.block()) == (True, True)


STAGES: dict[str, Any] = {"stages": [{"layer1": {"block": "basic", "depth": 2}}]}
BASE: dict[str, Any] = {"name": "x", **STAGES}


def stem(body: Any) -> dict[str, Any]:
    return {**BASE, "stem": [{"a": body}]}


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        (BASE, True),
        ({"name": "x"}, False),
        ({"name": "x", "extends": "y"}, True),
        ({"name": "x", "extends": None}, False),
        ({"name": "x", "extends": None, **STAGES}, True),
        ({"name": "x", "stages": []}, False),
        ({"name": "x", "stages": {"layer1": {"depth": 2}}}, False),
        ({"name": "x", "extends": "y", "stages": {"layer1": {"depth": 2}}}, True),
        ({"name": "x", "extends": "y", "stages": {"*": {}}}, True),
        ({**BASE, "extends": "y"}, True),
        ({**BASE, "stem": {"conv1": None}}, False),
        ({"name": "x", "extends": "y", "stem": {"conv1": None}}, True),
        ({**BASE, "expect": {"parameters": 1.5}}, False),
        ({**BASE, "expect": {"parameters": True}}, False),
        ({**BASE, "input": {"height": 224.0}}, True),
        ({**BASE, "input": {"height": True}}, False),
        ({**BASE, "input": {"height": "224"}}, False),
        ({**BASE, "input": {"height": 0}}, False),
        ({**BASE, "input": {"height": {"minimum": 1, "nothing": 1}}}, False),
        ({**BASE, "Name": "x"}, False),
        ({**BASE, "name": "my-net"}, False),
        ({**BASE, "name": "ﬁne"}, False),
        (stem("relu"), True),
        (stem(None), False),
        (stem({"relu": None}), True),
        (stem({"relu": {}, "norm": {}}), False),
        (stem({"from": "b"}), False),
        (stem({"from": "b", "when": True}), False),
        (stem({"relu": None, "from": []}), False),
        (stem({"relu": None, "from": ["b"], "when": "x > 1"}), True),
        (stem({"use": "a", "relu": None}), False),
        (stem({"conv": {"out": [1, {"f": {}}]}}), True),
        (
            stem({"conv": {"out": [[1]]}}),
            True,
        ),  # a form the language has; elaboration refuses the value
        (stem({"conv": {"out": {"f": {"g": {"h": {"i": 1}}}}}}), True),
        (stem({"conv": {"out": {"f": {}, "g": {}}}}), False),
        (stem({"conv": {"o-ut": 1}}), False),
        (stem({"repeat": {"index": "i", "count": 2, "layers": []}}), True),
        (stem({"repeat": {"index": "i", "count": 2}}), False),
        ({**BASE, "stem": [{"a": "relu", "b": "relu"}]}, False),
        ({**BASE, "stem": [{}]}, False),
        ({**BASE, "stem": ["relu"]}, False),
        ({**BASE, "blocks": {"b": {"layers": []}}}, True),
        ({**BASE, "blocks": {"b": {}}}, False),
        ({**BASE, "blocks": {"b": {"layers": [], "residual": []}}}, False),
        ({**BASE, "blocks": {"b": {"layers": [], "residual": None}}}, True),
        ({**BASE, "blocks": {"b": {"name": "b", "layers": []}}}, False),
        ([], False),
        (None, False),
    ],
    ids=lambda value: json.dumps(value) if not isinstance(value, bool) else None,
)
def test_the_same_verdict_on_chosen_documents(document: Any, valid: bool) -> None:
    assert verdicts("network", document) == (valid, valid)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_draft_7(form: Form) -> None:
    schema = json_schema(form)
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    text = json.dumps(schema)
    assert "$defs" not in text and "prefixItems" not in text
    definitions = schema["definitions"]
    for reference in references(schema):
        assert reference.removeprefix("#/definitions/") in definitions


def references(value: Any) -> list[str]:
    return [
        place["$ref"] for place in containers(value) if isinstance(place, dict) and "$ref" in place
    ]


def shipped(form: Form) -> list[Any]:
    if form == "block":
        return library.shipped_blocks()
    return [each.path for each in library.shipped_specs()]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_shipped_is_valid(form: Form) -> None:
    paths = shipped(form)
    assert len(paths) >= 5
    for path in paths:
        node, _ = reader.read_file(path)
        assert verdicts(form, source.plain(node)) == (True, True), path
