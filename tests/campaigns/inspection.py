"""`resnetc inspect` on models that ONNX Runtime saved, and on files that are wrong on purpose.

    nice python tests/campaigns/inspection.py models        # as exported, and saved at each optimisation level
    nice python tests/campaigns/inspection.py hostile --count 500 [--start 0] [--fresh 10]

Of a model that was saved, each figure must be that of the export, or be missing for a reason. A hostile file
(tests/support/hostile_onnx.py) must be told of or refused within 10 s of processor time and 500 MB, and without a
traceback; one in ``--fresh`` is tried by the command in a process of its own, too. Exit 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import resource
import sys
import tempfile
import time
from collections import Counter

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from support.hostile_onnx import file_of  # noqa: E402
from support.inspected import LEVELS, MODELS, figures, saved_at, wrong_figures  # noqa: E402
from support.measured import MIB, resnetc  # noqa: E402

from resnet_compiler.diagnostics import SpecError  # noqa: E402
from resnet_compiler.inspect.process import Inspector  # noqa: E402
from resnet_compiler.inspect.report import report_dict, report_text  # noqa: E402

MOST_SECONDS, MOST_MEMORY = 10, 500 * MIB


def models(names: list[str]) -> int:
    """Compare the figures of each model at each level with those of its export."""
    wrong = 0
    for name, make in MODELS.items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder, Inspector() as inspector:
            path = pathlib.Path(folder) / "model.onnx"
            make(path)
            source = figures(inspector.inspect(str(path)))
            print(f"{name}: {source}")
            for level in LEVELS:
                found = inspector.inspect(str(saved_at(level, path)))
                faults = wrong_figures(source, found)
                wrong += len(faults)
                missing = [key for key, number in figures(found).items() if number is None]
                why = [each.summary.partition(": ")[2] for each in found.diagnostics]
                said = f"without {', '.join(missing)}: {why[:1]}" if missing else "the same"
                print(
                    f"  {level:20} {'WRONG: ' + '; '.join(faults) if faults else said}", flush=True
                )
    return wrong


def hostile(start: int, count: int, fresh: int) -> int:
    """Try files one after the other."""
    outcomes, worst, wrong = Counter[str](), {"seconds": (0.0, ""), "memory": (0.0, "")}, 0
    with tempfile.TemporaryDirectory() as folder, Inspector() as inspector:
        path = pathlib.Path(folder) / "model.onnx"
        for number in range(start, start + count):
            kind, content = file_of(number)
            path.write_bytes(content)
            label = f"{number} ({kind}, {len(content):,} bytes)"
            before = _seconds(inspector)
            try:
                found = inspector.inspect(str(path))
                report_text(found, layers=True)
                report_dict(found, layers=True)
                outcome = "told of"
            except SpecError as failure:
                outcome = f"refused, {failure.diagnostics[0].code.id}"
            except Exception as fault:  # whatever it is, it is counted
                outcome = "FAULT"
                print(f"{label}: {type(fault).__name__}: {str(fault)[-300:]}", flush=True)
            took, peak = _seconds(inspector) - before, _peak(inspector)
            worst["seconds"] = max(worst["seconds"], (took, label))
            worst["memory"] = max(worst["memory"], (peak / MIB, label))
            is_wrong = outcome == "FAULT" or took > MOST_SECONDS or peak > MOST_MEMORY
            if fresh and number % fresh == 0:
                done = resnetc("inspect", str(path), folder=pathlib.Path(folder), patience=60)
                is_wrong = is_wrong or done.exit not in (0, 1) or "Traceback" in done.stderr
            if is_wrong:
                wrong += 1
                print(f"WRONG: {label}: {outcome}, {took:.1f} s, {peak // MIB} MB", flush=True)
            outcomes[outcome] += 1
            if (number - start) % 20 == 19:
                print(f"{number - start + 1} files, {wrong} wrong", flush=True)
    print(dict(outcomes))
    for name, (figure, label) in worst.items():
        print(f"most {name}: {figure:.1f}, file {label}")
    return wrong


def _seconds(inspector: Inspector) -> float:
    """Processor time of this process, of the one that inspects, and of those before it."""
    dead = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + dead.ru_utime + dead.ru_stime
    if inspector.pid is not None:
        stat = pathlib.Path(f"/proc/{inspector.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _peak(inspector: Inspector) -> int:
    """The most memory that a process which inspects has taken, or one that this ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    if inspector.pid is not None:
        status = pathlib.Path(f"/proc/{inspector.pid}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmHWM"))
        peak = max(peak, int(line.split()[1]) * 1024)
    return peak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("models", "hostile"))
    parser.add_argument("names", nargs="*", help="only these models")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--fresh", type=int, default=10)
    asked = parser.parse_args()
    wrong = (
        models(asked.names)
        if asked.what == "models"
        else hostile(asked.start, asked.count, asked.fresh)
    )
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
