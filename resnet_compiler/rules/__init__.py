"""What must hold of every graph, before and after each pass. `verify_graph` raises the first finding.

A rule is a function that yields findings, and its name says what must hold. Rules rest on those before them: a shape is
inferred only where inputs exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from resnet_compiler.rules import operators, scopes, structure
from resnet_compiler.rules.view import Finding, View

Rule = Callable[[View], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    structure.nodes_are_filed_by_name,
    structure.names_do_not_nest,
    structure.names_are_free,
    structure.the_input_is_an_image,
    structure.inputs_come_before,
    operators.attributes_are_in_range,
    operators.arities_fit,
    operators.shapes_are_inferred,
    operators.sizes_are_left,
    operators.tensors_can_be_filled,
    operators.joins_agree,
    structure.nothing_is_dead,
    structure.sections_follow_each_other,
    scopes.scopes_are_whole,
    scopes.scopes_are_closed,
    scopes.stages_are_whole,
    operators.proofs_are_true,
    operators.joins_are_proved,
    operators.claims_are_kept,
    scopes.identities_add_the_entry,
)
"""Every rule, each after those that it rests on."""

__all__ = ["RULES", "Finding", "Rule", "View"]
