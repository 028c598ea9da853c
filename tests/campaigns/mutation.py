"""Mutation testing: change one thing in a module at a time, and see whether its tests notice.

    pip install cosmic-ray
    nice python tests/campaigns/mutation.py [--jobs 2] [--every 3] [MODULE...]

A MODULE is one of those in `TESTS`; all by default. Each is mutated in a copy of the project, against the tests listed
for it. Printed are the figures per module and the mutants that survived; docs/mutation.md says of each why it does.
With `--every N` only each N-th mutant is tried, in the order in which they stand in the module: always the same ones.
Annotations are left alone, which nothing evaluates, and `==` is not made `is`, which small numbers and texts do not tell
apart.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDS = ("test_fold.py", "test_fold_values.py", "test_passes.py")
TESTS = {
    "shapes.py": ("test_shapes.py", "test_prove.py"),
    "prove.py": ("test_prove.py",),
    "expressions.py": ("test_expressions.py",),
    "graph.py": ("test_graph.py", "test_verify_graph.py"),
    "joins.py": ("test_joins.py",),
    "rules/structure.py": ("test_verify_graph.py",),
    "rules/operators.py": ("test_verify_graph.py",),
    "rules/scopes.py": ("test_verify_graph.py",),
    "rules/view.py": ("test_verify_graph.py",),
    "passes/affine.py": FOLDS,
    "passes/base.py": ("test_passes.py",),
    "passes/drop_identities.py": ("test_drop_identities.py", "test_passes.py"),
    "passes/fold_batch_norm.py": FOLDS,
    "passes/fold_leading_batch_norm.py": FOLDS,
    "passes/standardize_weights.py": FOLDS,
    "passes/rebuild.py": ("test_drop_identities.py", "test_passes.py", "test_fold_values.py"),
}
SLOW = ("computes_the_same", "every_shipped_spec")
"""Tests that load torch, or compile all there is, are left out: a mutant's tests are to take two or three seconds."""
TIMEOUT = 30
"""Seconds that the tests of one mutant may take; they take about two. Longer is a loop without end, and noticed."""
SETTINGS = {"HYPOTHESIS_PROFILE": "mutation", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""The same random examples for each mutant, and a pytest that starts in half the time."""
Position = tuple[int, int]
Survivor = tuple[int, str]


def annotations(source: str) -> Iterator[tuple[Position, Position]]:
    """Where annotations stand in a module."""
    for node in ast.walk(ast.parse(source)):
        for field in ("annotation", "returns"):
            part = getattr(node, field, None)
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


IDENTITY = ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq")


def leave_out(session: pathlib.Path, tree: pathlib.Path, every: int) -> None:
    """Take the mutants in annotations out of a session, those of identity for equality, and all but each n-th."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    with use_db(str(session)) as work:
        skipped, tried = [], []
        for item in work.work_items:
            (mutation,) = item.mutations
            places = annotations((tree / mutation.module_path).read_text("utf-8"))
            if mutation.operator_name.endswith(IDENTITY) or any(
                start <= mutation.start_pos < end for start, end in places
            ):
                skipped.append(item.job_id)
            else:
                place = (mutation.start_pos, mutation.operator_name, mutation.occurrence)
                tried.append((place, item.job_id))
        skipped += [job for at, (_, job) in enumerate(sorted(tried)) if at % every]
        work.set_multiple_results(skipped, WorkResult(WorkerOutcome.SKIPPED))


def mutate(module: str, every: int) -> tuple[int, list[Survivor]]:
    """The number of a module's mutants that were tried, and those that survived."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".*", "__pycache__", "generated", "benchmarks", "out")
        shutil.copytree(ROOT, tree, ignore=ignored)
        session, config = tree.parent / "session.sqlite", tree.parent / "config.toml"
        tests = " ".join(f"tests/{name}" for name in TESTS[module])
        wanted = " and ".join(f"not {name}" for name in SLOW)
        command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider -k '{wanted}' {tests}"
        config.write_text(
            "[cosmic-ray]\n"
            f"module-path = {json.dumps(f'resnet_compiler/{module}')}\n"
            f"timeout = {TIMEOUT}\n"
            "excluded-modules = []\n"
            f"test-command = {json.dumps(command)}\n"
            "distributor = {name = 'local'}\n",
            "utf-8",
        )

        def cosmic_ray(*arguments: object) -> None:
            env = {**os.environ, "PYTHONPATH": str(tree), **SETTINGS}
            line = [sys.executable, "-m", "cosmic_ray.cli", *map(str, arguments)]
            done = subprocess.run(line, cwd=tree, env=env, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{module}: {' '.join(line)} failed\n{done.stdout}{done.stderr}")

        cosmic_ray("init", config, session)
        cosmic_ray("baseline", config)
        leave_out(session, tree, every)
        cosmic_ray("exec", config, session)
        return outcome(session)


def outcome(session: pathlib.Path) -> tuple[int, list[Survivor]]:
    """The number of mutants that were tried, and those that survived: the line, and what it became."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkerOutcome

    tried, survivors = 0, []
    with use_db(str(session)) as work:
        for item, result in work.completed_work_items:
            if result.worker_outcome == WorkerOutcome.SKIPPED:
                continue
            tried += 1
            if not result.is_killed:
                survivors.append((item.mutations[0].start_pos[0], changed_line(result.diff or "")))
    return tried, sorted(survivors)


def changed_line(diff: str) -> str:
    """What a diff takes out and puts in, on one line."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    parts = [" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"]
    return "  →  ".join(parts)


def report(results: Iterable[tuple[str, tuple[int, list[Survivor]]]]) -> Iterator[str]:
    """The table and the survivors as Markdown."""
    rows: list[tuple[str, int, list[Survivor]]] = [(m, *result) for m, result in results]
    yield "| module | mutants | killed | |"
    yield "|---|---:|---:|---:|"
    for module, tried, survivors in rows:
        killed = tried - len(survivors)
        yield f"| {module} | {tried:,} | {killed:,} | {100 * killed / tried:.1f} % |"
    for module, _, survivors in rows:
        yield ""
        for line, change in survivors:
            yield f"{module}:{line}  {change}"


def main(arguments: Sequence[str] | None = None) -> None:
    description: Any = __doc__
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--jobs", type=int, default=1, help="modules mutated at a time")
    parser.add_argument("--every", type=int, default=1, help="try each N-th mutant", metavar="N")
    options = parser.parse_args(arguments)
    unknown = [module for module in options.modules if module not in TESTS]
    if unknown:
        parser.error(f"no tests are listed for {', '.join(unknown)}")
    modules = options.modules or list(TESTS)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(partial(mutate, every=options.every), modules)
        for line in report(zip(modules, results, strict=True)):
            print(line)


if __name__ == "__main__":
    main()
