"""`resnetc list`, `show`, `operators`, `blocks`, `explain`, `schema`: what there is to look up."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import AsJson
from resnet_compiler.console import misuse, print_json


def list_specs(
    pattern: Annotated[
        str, typer.Argument(metavar="[GLOB]", help="Such as 'imagenet/*' or '*50*'.")
    ] = "*",
    as_json: AsJson = False,
) -> None:
    """List the shipped specs."""
    from fnmatch import fnmatchcase

    from resnet_compiler.library import shipped_specs

    names = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]
    chosen = [n for n in names if fnmatchcase(n, pattern) or fnmatchcase(n.split("/")[1], pattern)]
    if as_json:
        print(json.dumps(chosen, indent=2))
    elif chosen:
        print("\n".join(chosen))
    else:
        print(escaped(f"resnetc: no shipped spec matches {pattern}"), file=sys.stderr)


def show_file(
    name: Annotated[str, typer.Argument(help="A shipped spec or block.")],
) -> None:
    """Print the YAML of a shipped spec or block, to read or to copy."""
    from resnet_compiler.diagnostics import did_you_mean
    from resnet_compiler.library import shipped_blocks, shipped_specs
    from resnet_compiler.support.read import text

    files = {path.stem: path for path in shipped_blocks()}
    for spec in reversed(shipped_specs()):
        assert spec.path is not None
        full = spec.display.removeprefix("specs/").removesuffix(".yaml")
        files |= {full: spec.path, spec.path.stem: spec.path}
    if name not in files:
        hint = "; ".join(did_you_mean(name, files))
        misuse(f"there is no shipped spec or block `{name}`" + (f"; {hint}" if hint else ""))
    print(text(files[name]), end="")


def operators(as_json: AsJson = False) -> None:
    """List the operators: attributes, and what each does."""
    from resnet_compiler.reference import operator_entries, reference_text

    entries = operator_entries()
    print(json.dumps(entries, indent=2) if as_json else reference_text(entries))


def blocks(as_json: AsJson = False) -> None:
    """List the shipped blocks: parameters, and what each is."""
    from resnet_compiler.reference import block_entries, reference_text

    entries = block_entries()
    print(json.dumps(entries, indent=2) if as_json else reference_text(entries))


def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="Such as RC0301; without one, all are listed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a diagnostic code: what it means, why it is wrong, an example, and the same mended."""
    from resnet_compiler.codes import catalogue
    from resnet_compiler.explain import listing, page_dict, page_of

    known = {each.id: each for each in catalogue()}
    if code is None:
        titles = [{"code": each.id, "title": each.title} for each in known.values()]
        print(json.dumps(titles, indent=2) if as_json else listing())
    elif code.upper() in known:
        page = page_of(known[code.upper()])
        if as_json:
            print_json([page_dict(page)])
        else:
            print(page.markdown, end="")
    else:
        from resnet_compiler.diagnostics import did_you_mean

        near = did_you_mean(code.upper(), known)
        hint = "; ".join((*near, "`resnetc explain` lists all codes"))
        misuse(f"there is no code `{code}`; {hint}")


def schema(
    block: Annotated[
        bool, typer.Option("--block", help="The schema of block files instead.")
    ] = False,
) -> None:
    """Print the language as JSON Schema (draft 7), for editors."""
    from resnet_compiler.schema import json_schema

    print(json.dumps(json_schema("block" if block else "network"), indent=2))
