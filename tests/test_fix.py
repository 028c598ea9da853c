"""`check --fix`: what was surely meant is written into the files, and not a byte beside it changes."""

from __future__ import annotations

import pathlib
import random

import pytest

from resnet_compiler import console, fix
from resnet_compiler.diagnostics import Fix, Span
from resnet_compiler.library import SpecFile, find_spec, shipped_specs
from resnet_compiler.limits import DEFAULT_LIMITS
from resnet_compiler.pipeline import compile_file
from resnet_compiler.render import render
from resnet_compiler.spelling import is_surely, nearest
from resnet_compiler.watch import files_read

NET = """\
# a comment
name:  net   # another
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}

stages:
  - layer1: {block: basic,   depth: 1, width: 8}   # aligned
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""


def fixed_text(folder: pathlib.Path, text: str, unsafe: bool = False) -> tuple[str, fix.Fixed]:
    path = folder / "net.yaml"
    path.write_bytes(text.encode())
    found = fix.fixed(SpecFile("net.yaml", path), DEFAULT_LIMITS, unsafe)
    return found.after.get("net.yaml", text), found


@pytest.fixture(autouse=True)
def in_the_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("kernel: 3", "kernal: 3"),  # an attribute
        ("width: 8}", "widht: 8}"),  # a parameter
        ("depth: 1", "dpeth: 1"),  # a key that must be there
        ("input:", "imput:"),  # a key of the spec
        ("stages:", "stage:"),
        ("block: basic", "block: Basic"),  # a block
        ("global_avg_pool", "GlobalAvgPool"),  # an operator, as torch writes it
        ("{conv: {out", "{conv2d: {out"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_slip_of_the_fingers_is_mended_and_all_else_stays(
    tmp_path: pathlib.Path, right: str, wrong: str, end: str
) -> None:
    text = NET.replace("\n", end)
    assert text.count(right) == 1
    after, found = fixed_text(tmp_path, text.replace(right, wrong))
    assert after == text
    assert found.compilation.valid and found.count == 1


def test_several_on_one_line_and_one_behind_another(tmp_path: pathlib.Path) -> None:
    wrong = NET.replace("stages:", "stags:").replace("depth: 1, width: 8", "dept: 1, wdth: 8")
    after, found = fixed_text(tmp_path, wrong)
    assert after == NET and found.count == 3


@pytest.mark.parametrize(
    "wrong",
    [
        NET.replace("width: 8}", "foo: 8}"),  # near to nothing
        NET.replace("width: 8}", "width: 8, width_: 9}"),  # what it is near to is there already
        NET.replace("kernel: 3", "kernel: 0"),
        NET.replace("block: basic", "block: [basic]"),
        NET.replace("name:", "name"),
    ],
)
def test_what_leaves_a_doubt_is_left_alone(tmp_path: pathlib.Path, wrong: str) -> None:
    assert wrong != NET
    after, found = fixed_text(tmp_path, wrong, unsafe=True)
    assert after == wrong and not found.compilation.valid


def test_what_changes_the_network_needs_unsafe(tmp_path: pathlib.Path) -> None:
    wrong = NET.replace("width: 8}", "width: 16, stride: 2, shortcut: identity}")
    assert fixed_text(tmp_path, wrong)[0] == wrong
    after, found = fixed_text(tmp_path, wrong, unsafe=True)
    assert after == wrong.replace("identity", "projection") and found.compilation.valid


def test_false_expectations_are_brought_up_to_date_by_unsafe(tmp_path: pathlib.Path) -> None:
    wrong = NET + "expect: {weighted_layers: 5, parameters: 1, output_shape: [7], macs: 2}\n"
    assert fixed_text(tmp_path, wrong)[0] == wrong
    after, found = fixed_text(tmp_path, wrong, unsafe=True)
    assert found.compilation.valid and found.count == 4
    assert after.startswith(NET) and "output_shape: [10]" in after


def test_a_byte_order_mark_stays(tmp_path: pathlib.Path) -> None:
    _, found = fixed_text(tmp_path, "\ufeff" + NET.replace("kernel", "kernal"))
    ((path, pieces),) = fix.files_of(found).items()
    assert path.name == "net.yaml" and b"".join(pieces) == ("\ufeff" + NET).encode()


def test_only_files_of_the_folder_are_changed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "base.yaml").write_text(NET.replace("kernel", "kernal"))
    (tmp_path / "inside").mkdir()
    spec = tmp_path / "inside" / "net.yaml"
    spec.write_text("name: net\nextends: base.yaml\n")
    try:
        (tmp_path / "inside" / "base.yaml").symlink_to(tmp_path / "outside" / "base.yaml")
    except OSError as reason:
        pytest.skip(f"no symbolic links here: {reason}")
    assert fix.fixed(SpecFile("inside/net.yaml", spec), DEFAULT_LIMITS).after == {}


def test_shipped_files_are_never_changed() -> None:
    spec = next(each for each in shipped_specs() if each.path and each.path.stem == "resnet18")
    assert spec.path is not None
    wrong = spec.path.read_text("utf-8").replace("kernel", "kernal")
    found = compile_file(spec, wrong)
    assert any(each.fix and each.fix.is_safe for each in found.diagnostics)
    tried = fix.fixed(spec, DEFAULT_LIMITS, unsafe=True, texts={spec.display: wrong})
    assert tried.after == {} and tried.count == 0


def test_edits_of_one_text_do_not_move_each_other() -> None:
    draw = random.Random(0)
    for _ in range(200):
        words = [f"w{i}" * draw.randint(1, 3) for i in range(draw.randint(1, 12))]
        chosen = draw.sample(range(len(words)), draw.randint(0, len(words)))
        lines, edits, column, number = [""], [], 1, 1
        for index, word in enumerate(words):
            if index in chosen:
                at = Span("f", number, column, number, column + len(word))
                edits.append(Fix(at, f"<{index}>", True))
            lines[-1] += word + " "
            column += len(word) + 1
            if draw.random() < 0.3:
                lines.append("")
                column, number = 1, number + 1
        draw.shuffle(edits)
        wanted = [f"<{i}>" if i in chosen else word for i, word in enumerate(words)]
        assert fix.apply("\n".join(lines), edits).split() == wanted


@pytest.mark.parametrize(
    ("word", "meant", "surely"),
    [
        ("widht", "width", True),
        ("strid", "stride", True),
        ("sstride", "stride", True),
        ("BatchNorm2d", "batch_norm", True),
        ("batchnorm", "batch_norm", True),
        ("dropout", "dropout_rate", False),
        ("bn0", "bn2", False),  # short names are alike by chance
        ("wide_basic", "basic", False),
    ],
)
def test_what_is_surely_meant(word: str, meant: str, surely: bool) -> None:
    assert is_surely(word, meant) is surely


def test_long_words_are_compared_with_nothing() -> None:
    assert nearest("a" * 1000, ["a" * 999]) is None


# --- a fix is kept only if it helps, and changes the word that is wrong ---


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("width: required, gate", "wdith: required, gate"),  # a parameter, which the stage gives
        ("gate: sigmoid}", "gaet: sigmoid}"),  # one that the layers read
        ("- first: norm", "- frist: norm"),  # a layer that others read
        ("let: {half: width // 2, ", "let: {halff: width // 2, "),
    ],
)
def test_where_a_name_is_defined_wrongly_its_uses_stay(
    tmp_path: pathlib.Path, right: str, wrong: str
) -> None:
    text = (
        "name: net\ninput: {height: 32, width: 32}\n"
        "stages: [layer1: {block: mine, depth: 1, width: 8, gate: relu}]\n"
        "blocks:\n  mine:\n    parameters: {width: required, gate: sigmoid}\n"
        "    let: {half: width // 2, more: half + half}\n    layers:\n"
        "      - first: norm\n      - conv: {conv: {out: half * 2, kernel: 3}, from: first}\n"
        "      - sum: {add: {}, from: [first, first]}\n"
        "      - conv2: {conv: {out: more, kernel: 1}, from: conv}\n"
        "      - act: gate\n      - both: {concat: {}, from: [sum, act]}\n"
    )
    assert compile_file(SpecFile("net.yaml", tmp_path / "net.yaml"), text).valid
    assert text.count(right) == 1
    after, found = fixed_text(tmp_path, text.replace(right, wrong))
    assert after == text and found.count == 1


def test_between_two_names_of_the_spec_nothing_is_guessed(tmp_path: pathlib.Path) -> None:
    wrong = NET.replace("- pool:", "- alpha: relu\n  - beta: {relu: {}, from: alpah}\n  - pool:")
    after, found = fixed_text(tmp_path, wrong)
    assert after == wrong and [each.code.id for each in found.compilation.diagnostics] == ["RC0211"]
    assert fixed_text(tmp_path, wrong, unsafe=True)[1].compilation.valid


def test_a_fix_that_leads_to_another_error_is_dropped_and_the_others_stay(
    tmp_path: pathlib.Path,
) -> None:
    wrong = NET.replace("kernel: 3", "kernal: big").replace("width: 8}", "widht: 8}")
    after, found = fixed_text(tmp_path, wrong)
    assert "widht" not in after and found.count == len(
        [a for a, b in zip(after.split("\n"), wrong.split("\n"), strict=True) if a != b]
    )
    before = compile_file(SpecFile("net.yaml", tmp_path / "net.yaml"), wrong)
    said = {each.summary for each in before.diagnostics}
    assert {each.summary for each in found.compilation.diagnostics} < said


@pytest.mark.parametrize("unsafe", [False, True])
def test_nothing_is_kept_without_fewer_errors(tmp_path: pathlib.Path, unsafe: bool) -> None:
    """`dropout` is no other word for `dropout_rate`: what stands under it is none."""
    wrong = NET.replace("block: basic,", "block: preact_basic, dropout: {dropout: {rate: 0.3}},")
    after, found = fixed_text(tmp_path, wrong, unsafe)
    assert after == wrong and found.count == 0


def test_as_many_are_mended_as_is_said(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "specs").mkdir()
    wrong = NET.replace("kernel", "kernal").replace("block: basic", "block: basci")
    (tmp_path / "specs" / "net.yaml").write_text(wrong)
    reader = console.reading(None)
    reader.show(reader.compile_all(["specs/net.yaml"]))
    said = capsys.readouterr().err
    assert "--> ./specs/net.yaml:5:" in said and "`resnetc check --fix` mends 2 of these" in said
    (left,) = reader.fix_all(["specs/net.yaml"], unsafe=False, write=True)
    assert left.valid and capsys.readouterr().out == "./specs/net.yaml: 2 fixes\n"
    assert (tmp_path / "specs" / "net.yaml").read_text() == NET


def test_a_folder_of_ones_own_called_specs_is_ones_own(tmp_path: pathlib.Path) -> None:
    """Its files have other names in messages than the shipped ones, also where they are called alike."""
    path = tmp_path / "specs" / "imagenet" / "resnet18.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("name: mine\nextends: resnet18\nact: {relu: {inplac: true}}\nimput: {}\n")
    found = compile_file(find_spec("specs/imagenet/resnet18.yaml"))
    own, shipped = "./specs/imagenet/resnet18.yaml", "specs/imagenet/resnet18.yaml"
    assert found.texts[own] == path.read_text() and "name: resnet18" in found.texts[shipped]
    assert {each.span.file for each in found.diagnostics if each.span} == {own}
    assert [Span(file, 1, 1, 1, 1).is_shipped for file in (own, shipped)] == [False, True]
    assert [path.resolve() for path in files_read(found)][:1] == [path]
    annotation = render(found.diagnostics, "github")
    assert f"file={shipped}," in annotation  # as GitHub knows the user's file
    after = fix.fixed(find_spec(own), DEFAULT_LIMITS).after
    assert after == {own: path.read_text().replace("imput", "input")}


def test_a_word_that_is_the_files_own_name_hides_no_line(
    tmp_path: pathlib.Path,
) -> None:
    """The spec is looked into for a block of that name, and is none; its text is there for carets and fixes as before."""
    text = NET.replace("width: 8}", "width: 8, attention: net}").replace("kernel", "kernal")
    after, found = fixed_text(tmp_path, text)
    assert after == text.replace("kernal", "kernel") and found.count == 1
    left = found.compilation
    assert "attention: net}" in render(left.diagnostics, "full", left.texts, color=False)
