"""Functions that break a sound graph, each in one way, with the message that names what is wrong and the rule."""

from __future__ import annotations

from support.mutations import facts, operators, scopes, structure

MUTATIONS = {
    **structure.MUTATIONS,
    **operators.MUTATIONS,
    **facts.MUTATIONS,
    **scopes.MUTATIONS,
}
