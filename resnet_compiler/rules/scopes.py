"""Rules on scopes and stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from resnet_compiler.graph import INPUT, Scope
from resnet_compiler.rules.view import Finding, View


def scopes_are_whole(view: View) -> Iterator[Finding]:
    """A scope is filed under its name; its exit, join and shortcut are nodes in it, and its entry is a value outside."""
    for name, scope in view.graph.scopes.items():
        if scope.name != name:
            yield scope.name, f"the scope is filed under another name, {name}"
        inside = f"{name}."
        own = {"exit": (scope.exit,), "join": (scope.join,) if scope.join is not None else ()}
        for role, members in {**own, "shortcut": scope.shortcut_layers}.items():
            for member in members:
                if member not in view.nodes:
                    yield name, f"its {role} {member} does not exist"
                elif not member.startswith(inside):
                    yield name, f"its {role} {member} is not in it"
        if scope.entry != INPUT and scope.entry not in view.nodes:
            yield name, f"its entry {scope.entry} does not exist"
        if scope.entry.startswith(inside):
            yield name, f"its entry {scope.entry} is in it"
        if (scope.join is None) != (scope.shortcut == "none"):
            yield name, f"its join is {scope.join}, but its shortcut {scope.shortcut}"
        if scope.join is not None and scope.join not in view.joins:
            yield name, f"its join {scope.join} joins nothing"
        if scope.shortcut_layers and scope.join is None:
            yield name, "it has layers on a shortcut, but no join"


def identities_add_the_entry(view: View) -> Iterator[Finding]:
    """Where a shortcut is the identity, the join adds what comes into the scope."""
    for name, scope in view.graph.scopes.items():
        if scope.join is None or scope.shortcut != "identity":
            continue
        if scope.entry not in view.nodes[scope.join].inputs[1:]:
            yield name, f"its shortcut is the identity, but {scope.join} adds something else"


def scopes_are_closed(view: View) -> Iterator[Finding]:
    """What is in a scope reads only what is in it and its entry; what is outside reads only its exit."""
    around: dict[str, list[Scope]] = {INPUT: []}
    last, here = "", view.scopes_in("")
    for name, node in view.nodes.items():
        outer = name.rpartition(".")[0]
        if outer != last:  # nodes side by side are in the same scopes
            last, here = outer, view.scopes_in(outer)
        around[name] = here
        for source in node.inputs:
            there = around[source]
            if there is here:
                continue
            for scope in here:
                if scope not in there and source != scope.entry:
                    yield name, f"it reads {source} past the entry of {scope.name}"
            for scope in there:
                if scope not in here and source != scope.exit:
                    yield name, f"it reads {source} inside {scope.name}"
    for scope in around[view.graph.output]:
        if view.graph.output != scope.exit:
            yield view.graph.output, f"it is the output, but not the exit of {scope.name}"


def stages_are_whole(view: View) -> Iterator[Finding]:
    """A stage's blocks are scopes, each of one stage alone; its exit is that of the last."""
    graph, scopes = view.graph, view.graph.scopes
    names = [stage.name for stage in graph.stages]
    for name in _repeated(names):
        yield name, "there are two stages of that name"
    for name in _repeated(block for stage in graph.stages for block in stage.blocks):
        yield name, "the block stands in stages twice"
    for stage in graph.stages:
        if stage.exit != INPUT and stage.exit not in view.nodes:
            yield stage.name, f"its exit {stage.exit} does not exist"
        for block in stage.blocks:
            if block not in scopes:
                yield stage.name, f"its block {block} does not exist"
        for last in stage.blocks[-1:]:
            if last in scopes and scopes[last].exit != stage.exit:
                yield stage.name, f"its exit {stage.exit} is not that of {last}"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
