"""A trial leaves no trace: what is made to learn of it and taken back changes nothing that comes after."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from support.differential.case import case_number
from support.random_specs import random_instances

from resnet_compiler import joins, layers
from resnet_compiler.definitions import Layer
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.findings import Findings
from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.maker import Maker
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.place import Place
from resnet_compiler.trial import trial
from resnet_compiler.vocabulary import Vocabulary

TESTS = pathlib.Path(__file__).parent
FAILING = sorted((TESTS / "joins").glob("*.yaml"))


def of_text(text: str, limits: Limits = DEFAULT_LIMITS) -> Compilation:
    return compile_file(SpecFile("net.yaml", None), text, limits)


def state(of: object) -> dict[str, Any]:
    """All that a maker holds, its findings and words among it, as it is at this moment; not the work that trials took."""
    found: dict[str, Any] = {}
    for name, value in vars(of).items():
        if name in ("tried", "_words"):  # work, and the names of files
            continue
        if isinstance(value, Findings | Vocabulary):
            found |= {f"{name}.{key}": each for key, each in state(value).items()}
        elif isinstance(value, dict):
            found[name] = list(value.items())
        elif isinstance(value, list | set):
            found[name] = type(value)(value)
        else:
            found[name] = value
    return found


def trying(patch: pytest.MonkeyPatch, counts: list[int]) -> None:
    """Before each list of layers is made, make it as a trial, and compare all that there is before and after."""
    make = layers.make_layers
    inside = [False]

    def wrapper(maker: Maker, given: Iterable[Layer], place: Place, value: str) -> str:
        if inside[0]:
            return make(maker, given, place, value)
        before, around = state(maker), (dict(place.layers), dict(place.absent))
        inside[0] = True
        try:
            with trial(maker, place) as made:
                make(maker, given, made.place, value)
                counts.append(len(maker.nodes) - made.mark.nodes)
        except SpecError:
            pass
        finally:
            inside[0] = False
        assert state(maker) == before and (place.layers, place.absent) == around
        return make(maker, given, place, value)

    patch.setattr(layers, "make_layers", wrapper)


def seen(found: Compilation) -> tuple[Any, ...]:
    graph = found.graph
    whole = () if graph is None else (dict(graph.nodes), list(graph.scopes), graph.stages)
    return (*whole, found.proofs, found.diagnostics)


def check(run: Callable[[], Compilation], patch: pytest.MonkeyPatch) -> int:
    plain = run()
    counts: list[int] = []
    with patch.context() as inside:
        trying(inside, counts)
        assert seen(run()) == seen(plain)
    return sum(counts)


def specs(folder: pathlib.Path) -> Iterator[Callable[[], Compilation]]:
    for number in range(25):
        own = folder / str(number)
        own.mkdir()
        case_number(number).write(own)
        yield lambda own=own: compile_file(SpecFile("net.yaml", own / "net.yaml"))
        yield lambda number=number: of_text(random_instances(number))
    for path in FAILING:
        yield lambda path=path: of_text(path.read_text("utf-8"))
    for name in ("timm/resnetrs50", "cifar/preact_resnet164"):
        yield lambda name=name: compile_file(find_spec(name))


def test_trials_before_every_list_of_layers(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [check(run, monkeypatch) for run in specs(tmp_path)]
    assert sum(count > 0 for count in made) > 60  # there is something to take back


def test_a_trial_that_fails_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (TESTS / "cases" / "trial" / "crash.yaml").read_text("utf-8")
    for fault in ("{conv: {out: width * 2, kernl: 1}}", "{none_such: {}}", "{conv: {kernel: 1}}"):
        wrong = text.replace("{conv: {out: width * 2, kernel: 1}}", fault)
        assert wrong != text
        check(lambda wrong=wrong: of_text(wrong), monkeypatch)


@pytest.mark.parametrize("name", ["crash", "false_error"])
def test_the_cases(name: str) -> None:
    found = of_text((TESTS / "cases" / "trial" / f"{name}.yaml").read_text("utf-8"))
    assert [each.code.id for each in found.diagnostics] == ["RC0301"]
    assert "adds 8,192 parameters" in found.diagnostics[0].help[0]


def test_a_faulty_block_is_told_where_it_is_used_though_a_trial_met_it(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "broken.yaml").write_text("name: broken\nlayers: [a: {relu: {}, whn: true}]\n")
    net = tmp_path / "net.yaml"
    net.write_text(
        "name: net\nstages:\n"
        "  - a: {block: odd, depth: 1, shortcut: identity}\n"
        "  - b: {block: other, depth: 1}\n"
        "blocks:\n"
        "  odd:\n    residual: [c: {conv: {out: 9, kernel: 1}}]\n    shortcut: [d: broken]\n"
        "  other:\n    layers: [e: broken]\n"
    )
    found = compile_file(SpecFile(net.as_posix(), net))
    assert [each.code.id for each in found.diagnostics] == ["RC0301", "RC0205"]


def test_trials_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their work is counted apart and in all: a spec cannot have each of a hundred errors cost what a network may."""
    text = "name: net\nstages:\n"
    for index in range(40):
        text += f"  - s{index}: {{block: b, depth: 1, shortcut: identity}}\n"
    text += (
        "blocks:\n  b:\n    residual: [c: {conv: {out: in_channels + 1, kernel: 1}}]\n"
        '    shortcut: [d: {repeat: {index: i, count: 90, layers: ["d{i}": relu]}}]\n'
    )
    costs: list[int | None] = []
    cost = joins._cost
    monkeypatch.setattr(joins, "_cost", lambda *given: costs.append(cost(*given)) or costs[-1])
    found = of_text(text, Limits(steps=3000))
    assert {each.code.id for each in found.diagnostics} == {"RC0301"}
    assert costs[0] == 0 and costs[-1] is None
