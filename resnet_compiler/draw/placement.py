"""What a placement is: cells on a grid, and routes between them. `lanes` makes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Way = Literal["top", "side"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A node in its row (0 at the top) and lane (0 at the left); an entry is a node of another part that is read here."""

    name: str
    row: int
    lane: int
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """How one edge runs: input number ``position`` of ``target``, which is the output of ``source``.

    ``lane`` is where it runs down. ``enters`` is where it ends: at the target's "top", or at its right "side".
    ``first_track`` is its track in the gap under the source, None where it goes straight on into its lane.
    ``last_track`` is its track in the gap above the target, None where it comes straight from its lane or from the side;
    where the target stands in the very next row there is one gap, and ``first_track`` alone. ``port`` is where it meets
    the target's top: 0 in the middle, 1, 2, … to the right of it, -1, -2, … to the left.
    """

    source: str
    target: str
    position: int
    lane: int
    enters: Way
    first_track: int | None = None
    last_track: int | None = None
    port: int = 0

    @property
    def is_straight(self) -> bool:
        """Whether it is one line down a lane."""
        return self.enters == "top" and self.first_track is None and self.last_track is None


@dataclass(frozen=True)
class Placement:
    """A part on its grid: entries first, then the nodes in the order given.

    ``tracks`` has the number of tracks in the gap under each row. ``exits`` are the nodes that others read, or that the
    network gives out; the trunk's end, where it is one, comes first.
    """

    cells: tuple[Cell, ...]
    routes: tuple[Route, ...]
    rows: int
    lanes: int
    tracks: tuple[int, ...]
    exits: tuple[str, ...]

    def __getitem__(self, name: str) -> Cell:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Cell]:
        return {cell.name: cell for cell in self.cells}

    @cached_property
    def outermost_ports(self) -> Mapping[str, int]:
        """How far out the ports of each node are; 0 where edges meet its middle alone."""
        found: dict[str, int] = {}
        for route in self.routes:
            found[route.target] = max(found.get(route.target, 0), abs(route.port))
        return found

    @cached_property
    def entries(self) -> tuple[Cell, ...]:
        """The cells of row 0; the trunk's comes first."""
        return tuple(cell for cell in self.cells if cell.is_entry)

    @cached_property
    def lanes_with_nodes(self) -> frozenset[int]:
        """The lanes that need the width of a node; in the others there are but edges."""
        return frozenset(cell.lane for cell in self.cells if not cell.is_entry)
