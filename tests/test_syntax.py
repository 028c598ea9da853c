"""Parsing in several threads at once, as a program may that compiles in several."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from resnet_compiler.syntax import parse_expression, parse_module

MODULE = "\n".join(f"def f{n}(x):\n    return x + {n} * (x - [{n}, (x, x)][0])" for n in range(200))
EXPRESSION = " + ".join(f"(a{n} * {n})" for n in range(300))


class Lingering:
    """What is in a cycle and gives way to other threads when it is collected, in the midst of whatever goes on."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(20):
            sum(range(50))


@pytest.fixture
def restless() -> Iterator[None]:
    """Cycles are looked for all the time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(20, 2, 2)
    yield
    gc.set_threshold(*thresholds)


def test_threads_do_not_disturb_each_other(restless: None) -> None:
    def work(number: int) -> int:
        Lingering()
        if number % 2:
            return len(parse_module(MODULE).body)
        parse_expression(EXPRESSION)
        return 200

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(work, range(200))) == {200}
