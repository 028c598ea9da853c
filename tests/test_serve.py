"""`resnetc serve` without a browser: which requests are answered, what may be saved, and what is made of a text."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("nicegui")

from support.measured import MIB, resnetc
from support.server import Server, serving

from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.page import page_data
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.serve.compiler import Compiler, CompilerError
from resnet_compiler.serve.findings import findings_of, marks, tooltips
from resnet_compiler.serve.guard import Guard
from resnet_compiler.serve.live import Live
from resnet_compiler.serve.outcome import Outcome, from_json, outcome_of, picture, to_json
from resnet_compiler.serve.server import PortTakenError, loopback_sockets
from resnet_compiler.serve.worker import Job
from resnet_compiler.serve.workspace import SaveError, Workspace

NET = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 1, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served") / "inside"
    folder.mkdir()
    (folder / "net.yaml").write_text(NET)
    (folder.parent / "secret.yaml").write_text("secret")
    with serving(folder, "net.yaml") as running:
        assert wait_for(running)
        yield running


def wait_for(running: Server) -> bool:
    """The socket listens before the application is up; the first request waits for it."""
    return running.answer()[0] == 200


# --- which requests are answered ---


def test_the_page_is_served_to_those_who_ask_for_it(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        status, body = server.answer(headers={"Host": f"{host}:{server.port}"})
        assert status == 200 and b"resnetc" in body


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.attacker.example:{port}",
        "localhost.:{port}",
        "127.1:{port}",
        "0.0.0.0:{port}",
        "[::]:{port}",
        "2130706433:{port}",
        "127.0.0.1:{port}@attacker.example",
        "",
    ],
)
def test_another_host_is_refused(server: Server, host: str) -> None:
    named = {"Host": host.format(port=server.port)}
    for path in ("/", "/live/x/data", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert server.answer(path, headers=named)[0] in (400, 403)  # uvicorn itself refuses some
    origin = {"Origin": f"http://127.0.0.1:{server.port}"}
    assert server.websocket(named | origin) in (400, 403)


ORIGINS = [
    "http://attacker.example",
    "http://attacker.example:{port}",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://localhost:{port}",
    "null",
    "file://",
    "",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_refused(server: Server, origin: str) -> None:
    sent = {"Origin": origin.format(port=server.port)}
    assert server.answer(headers=sent)[0] == 403
    polling = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert server.answer(polling, headers=sent)[0] == 403
    assert server.answer(polling, "POST", sent, b"40")[0] == 403
    assert server.websocket(sent) == 403


def test_a_websocket_must_say_where_it_comes_from(server: Server) -> None:
    assert server.websocket() == 403
    assert server.websocket({"Origin": f"http://127.0.0.1:{server.port}"}) == 101


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_another_site_has_a_browser_fetch_is_refused(server: Server, site: str) -> None:
    assert server.answer(headers={"Sec-Fetch-Site": site})[0] == 403
    assert server.answer(headers={"Sec-Fetch-Site": "same-origin"})[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_writing_methods_need_an_origin_and_find_nothing(server: Server, method: str) -> None:
    assert server.answer("/net.yaml", method, body=b"x")[0] == 403
    sent = {"Origin": f"http://127.0.0.1:{server.port}"}
    assert server.answer("/net.yaml", method, sent, b"x")[0] in (404, 405)
    assert (server.folder / "net.yaml").read_text() == NET


PATHS = (
    "../secret.yaml",
    "../../etc/passwd",
    "..%2fsecret.yaml",
    "%2e%2e/secret.yaml",
    "%2e%2e%2fsecret.yaml",
    "....//secret.yaml",
    "..\\secret.yaml",
    "..%5csecret.yaml",
    "/etc/passwd",
    "//etc/passwd",
    "net.yaml/../../secret.yaml",
    "./../secret.yaml",
    "C:\\secret.yaml",
    "\\\\host\\share\\x.yaml",
    "secret.yaml%00.yaml",
    "~/secret.yaml",
    ".hidden",
    "a/b.yaml",
    "",
    "a b",
    "x.yaml\n",
    "-rf",
    "net.py",
    "net.yaml.yaml",
)


@pytest.mark.parametrize("path", [path for path in PATHS if path.isprintable() and " " not in path])
def test_no_path_leads_to_a_file(server: Server, path: str) -> None:
    for lead in ("/", "/live/", "/live/x/", "/_nicegui/3/static/", "/_nicegui/auto/static/"):
        status, body = server.answer(lead + path)
        assert status in (200, 400, 404) and b"secret\n" not in body and b"root:" not in body
        if status == 200:
            assert path in ("", "//etc/passwd") or lead + path == "/"


def test_a_page_that_was_not_opened_is_not_there(server: Server) -> None:
    for name in ("page", "data", "good", "model.py", "model.onnx"):
        assert server.answer(f"/live/guessed/{name}")[0] == 404
    for name in ("docs", "redoc", "openapi.json"):
        assert server.answer(f"/{name}")[0] == 404


def test_every_answer_says_that_no_other_site_may_frame_or_read_it(server: Server) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert b"http" not in answer.headers["content-security-policy"].encode()
    connection.close()


def test_it_listens_on_loopback_alone(server: Server) -> None:
    listening = pathlib.Path("/proc/net/tcp")
    if not listening.is_file():
        pytest.skip("no /proc here")
    at_port = []
    for name in ("tcp", "tcp6"):
        table = pathlib.Path("/proc/net") / name
        rows = (
            [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
        )
        at_port += [
            row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{server.port:04X}")
        ]
    loopback = ("0100007F", "00000000000000000000000001000000")
    assert at_port and all(address.split(":")[0] in loopback for address in at_port)


def test_requests_of_another_kind_are_not_answered() -> None:
    async def never(*_: object) -> None:
        raise AssertionError("it was handed on")

    guard = Guard(never, 80)  # type: ignore[arg-type]
    host = (b"host", b"localhost")
    assert guard.admits("http", "GET", [host])
    assert guard.admits("http", "GET", [(b"host", b"127.0.0.1:80")])
    assert not guard.admits("http", "GET", [host, host])
    assert not guard.admits("http", "GET", [])
    assert not guard.admits("http", "POST", [host])
    origin = (b"origin", b"http://localhost")
    assert guard.admits("http", "POST", [host, origin])
    assert guard.admits("websocket", "", [host, origin])
    assert not guard.admits("websocket", "", [host, origin, origin])
    assert not guard.admits("webtransport", "GET", [host, origin])


def test_it_ends_cleanly_and_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "net.yaml").write_text(NET)
    with serving(folder, "net.yaml") as running:
        assert wait_for(running)
        assert running.end() == 0
    assert [each.name for each in folder.iterdir()] == ["net.yaml"]


def test_a_port_that_is_taken_is_told(tmp_path: pathlib.Path) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    with pytest.raises(PortTakenError):
        loopback_sockets(port)
    command = [sys.executable, "-m", "resnet_compiler", "serve", "--port", str(port)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    taken.close()
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--port 0 takes one that is free" in done.stderr


def test_both_loopback_addresses_have_one_port() -> None:
    sockets, port = loopback_sockets(0)
    names = [each.getsockname()[:2] for each in sockets]
    for each in sockets:
        each.close()
    assert names[0] == ("127.0.0.1", port)
    assert names[1:] in ([], [("::1", port)])


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (b"\xff\xfe", ("net.yaml",), "is not UTF-8 text"),
        (NET.encode(), ("nothing_of_that_name",), "there is no spec"),
        (NET.encode(), ("imagenet",), "one spec is edited at a time"),
    ],
)
def test_what_cannot_be_opened_is_misuse(
    tmp_path: pathlib.Path, content: bytes, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "net.yaml").write_bytes(content)
    command = [sys.executable, "-m", "resnet_compiler", "serve", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "error[RC0101]: cannot read `it.yaml`: not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "`it.yaml`: not a regular file"),
        (lambda path: path.symlink_to("/dev/tty"), "error[RC0101]: cannot read `it.yaml`: "),
        (lambda path: path.symlink_to("/proc/self/mem"), "error[RC0101]: cannot read `it.yaml`: "),
        (lambda path: path.mkdir(), "error[RC0101]: cannot read `it.yaml`: is a directory"),
        (lambda path: (path.touch(), os.truncate(path, 2**40)), "error[RC0601]: `it.yaml` is"),
    ],
)
def test_only_a_regular_file_of_bounded_size_is_opened(
    tmp_path: pathlib.Path, make: Any, said: str
) -> None:
    make(tmp_path / "it.yaml")
    done = resnetc("serve", "it.yaml", "--port", "0", folder=tmp_path, patience=300)
    assert done.exit == 2 and said in done.stderr and not done.stdout
    assert "Traceback" not in done.stderr and done.peak < 300 * MIB


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_file_that_became_a_pipe_is_neither_loaded_nor_compared(folder: pathlib.Path) -> None:
    opened = Workspace.opened(pathlib.Path("net.yaml"))
    (folder / "net.yaml").unlink()
    os.mkfifo(folder / "net.yaml")
    for action in (opened.load, lambda: opened.save("changed")):
        with pytest.raises(SaveError, match=r"cannot read net\.yaml: not a regular file"):
            action()


def test_without_the_extra_one_line_says_what_to_install(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys; sys.modules['nicegui'] = None; sys.argv = ['resnetc', 'serve']; "
        "from resnet_compiler.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install 'resnet-compiler[serve]'" in done.stderr


# --- what may be saved ---


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "net.yaml").write_text(NET)
    (tmp_path / "secret.yaml").write_text("secret")
    monkeypatch.chdir(inside)
    return inside


def everything(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes()
        for path in folder.parent.rglob("*")
        if path.is_file()
    }


def fresh() -> Workspace:
    return Workspace(pathlib.Path(), None, NET)


@pytest.mark.parametrize("name", PATHS)
def test_a_name_that_is_not_one_word_is_refused(folder: pathlib.Path, name: str) -> None:
    before = everything(folder)
    with pytest.raises(SaveError, match="a name has letters"):
        fresh().save("changed", name)
    assert everything(folder) == before


def test_a_new_spec_is_saved_in_the_folder_and_then_is_the_file(folder: pathlib.Path) -> None:
    workspace = fresh()
    assert workspace.save("one", "mine") == pathlib.Path("mine.yaml")
    assert (folder / "mine.yaml").read_text() == "one"
    workspace.save("two", "another")
    assert (folder / "mine.yaml").read_text() == "two" and not (folder / "another.yaml").exists()


def test_a_file_that_is_there_is_not_replaced_by_a_new_one(folder: pathlib.Path) -> None:
    with pytest.raises(SaveError, match="is there already"):
        fresh().save("changed", "net")
    assert (folder / "net.yaml").read_text() == NET


def test_links_are_refused(folder: pathlib.Path) -> None:
    before = everything(folder)
    (folder / "out.yaml").symlink_to(folder.parent / "secret.yaml")
    (folder / "nowhere.yaml").symlink_to(folder.parent / "new.yaml")
    for name in ("out", "nowhere"):
        with pytest.raises(SaveError, match="is a link"):
            fresh().save("changed", name)
    opened = Workspace.opened(pathlib.Path("out.yaml"))
    with pytest.raises(SaveError, match="is a link"):
        opened.save("changed")
    assert {k: v for k, v in everything(folder).items() if "/out" not in k} == before
    assert (folder.parent / "secret.yaml").read_text() == "secret"
    assert not (folder.parent / "new.yaml").exists()


def test_a_folder_that_became_a_link_is_not_followed(folder: pathlib.Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "net.yaml").write_text(NET)
    opened = Workspace.opened(pathlib.Path("sub/net.yaml"))
    opened.folder = folder  # as if started here
    (folder / "sub" / "net.yaml").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(folder.parent)
    with pytest.raises(SaveError, match="is not in the folder"):
        opened.save("changed")
    assert not (folder.parent / "net.yaml").exists()


def test_what_somebody_else_wrote_meanwhile_is_kept(folder: pathlib.Path) -> None:
    opened = Workspace.opened(pathlib.Path("net.yaml"))
    (folder / "net.yaml").write_text("theirs")
    with pytest.raises(SaveError, match="changed on disk meanwhile"):
        opened.save("ours")
    assert (folder / "net.yaml").read_text() == "theirs"
    assert opened.load() == opened.text == "theirs"
    opened.save("ours")
    (folder / "net.yaml").write_text("theirs again")
    opened.save("ours after all", overwrite=True)
    assert (folder / "net.yaml").read_text() == "ours after all"
    (folder / "net.yaml").unlink()
    with pytest.raises(SaveError, match="cannot read"):
        opened.load()


def test_breaks_of_lines_stay_those_of_the_file(folder: pathlib.Path) -> None:
    (folder / "dos.yaml").write_bytes(b"name: a\r\nb: c\r\n")
    opened = Workspace.opened(pathlib.Path("dos.yaml"))
    assert opened.text == "name: a\nb: c\n"
    opened.save("name: d\n")
    assert (folder / "dos.yaml").read_bytes() == b"name: d\r\n"
    opened.save("name: e\n")
    assert (folder / "dos.yaml").read_bytes() == b"name: e\r\n"


def test_a_text_that_is_no_text_is_not_saved(folder: pathlib.Path) -> None:
    with pytest.raises(SaveError, match="no file can hold"):
        Workspace.opened(pathlib.Path("net.yaml")).save("\ud800")
    assert (folder / "net.yaml").read_text() == NET


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(folder: pathlib.Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(SaveError, match="cannot write"):
        fresh().save("changed", "mine")
    folder.chmod(0o700)


# --- what is made of a text ---


def compiled(text: str, limits: Limits = DEFAULT_LIMITS) -> Compilation:
    spec = fresh().spec
    return compile_file(spec, text=text, limits=limits)


def findings(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Outcome, list[str]]:
    """What there is to say of a text, and the parts of it that are underlined."""
    made = outcome_of(text, compiled(text, limits))
    assert from_json(text, to_json(made)) == made
    return made, [text[each["from"] : each["to"]] for each in marks(made.findings)]


@pytest.mark.parametrize(
    ("old", "new", "underlined"),
    [
        ("kernel", "kernal", ["kernal"]),
        ("width: 8}", "width: 8, shortcut: projektion}", ["projektion"]),
        ("name: net", "name: net\n# \U0001f600 é\nfoo: 1", ["foo"]),
        ("out: 10}", "out: 0}", ["0"]),
        ("name: net\n", "", []),
    ],
)
def test_findings_are_underlined_where_they_are(old: str, new: str, underlined: list[str]) -> None:
    made, parts = findings(NET.replace(old, new, 1))
    assert made.findings and not made.is_right
    if underlined:
        assert parts == underlined
        assert "^" in made.findings[0].text
    assert set(tooltips(made.findings)) == {
        str(each.line) for each in made.findings if each.line is not None
    }


def test_findings_of_another_file_are_not_underlined_in_this_one(folder: pathlib.Path) -> None:
    (folder / "blocks").mkdir()
    (folder / "blocks" / "mine.yaml").write_text("name: mine\nresidual:\n  - a: {konv: {out: 3}}\n")
    made, parts = findings(NET.replace("block: basic", "block: mine").replace(", width: 8", ""))
    assert "blocks/mine.yaml" in made.findings[0].text
    assert parts == []


@pytest.mark.parametrize(
    "text", ["", "a", "\n", "[", "\t", "a: b: c", "x" * 2000, "🙂", NET + "[" * 90]
)
def test_any_text_has_findings_that_lie_in_it(text: str) -> None:
    made, _ = findings(text)
    for each in marks(made.findings):
        assert 0 <= each["from"] < each["to"] <= len(text)


def test_a_wrong_text_is_bounded_by_the_limits() -> None:
    deep = NET.replace("depth: 1", "depth: 9999999")
    made, _ = findings(deep)
    assert not made.is_right and "RC0605" in made.findings[0].text
    made, _ = findings(NET.replace("depth: 1", "depth: 60"), Limits(layers=50))
    assert not made.is_right and "--limit layers=NUMBER" in made.findings[0].text


def test_findings_beyond_the_first_are_left_out() -> None:
    text = NET + "".join(f"k{index}: 1\n" for index in range(90))
    made, _ = findings(text)
    assert len(made.findings) == 50 and made.more == 40


def test_the_picture_of_what_is_not_as_expected_is_drawn_without_diagnostics() -> None:
    found = compiled(NET + "expect: {weighted_layers: 99}\n")
    made = outcome_of("", found)
    assert not made.is_right and made.is_drawn and made.status.startswith("1 error; 4 weighted")
    drawn = json.loads(picture(found))
    assert drawn["network"]["parameters"] > 0 and not drawn["diagnostics"]
    assert json.loads(picture(compiled(NET))) == json.loads(json.dumps(page_data(compiled(NET))))


class Recording(Compiler):
    """Compiles nothing, lets others go on before each reply, and keeps what it is asked for."""

    def __init__(self, fails: str = "none") -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.fails = fails

    async def compile(self, job: Job) -> Outcome:
        self.asked.append(("compile", job.text))
        for _ in range(5):
            await asyncio.sleep(0)
        if self.fails in job.text:
            raise CompilerError("it was given up")
        return Outcome(job.text, (), 0, "fine", True, True)

    async def picture(self, job: Job) -> bytes:
        self.asked.append(("picture", job.text))
        for _ in range(5):
            await asyncio.sleep(0)
        return job.text.encode()


def test_pages_take_turns_and_each_has_its_newest_text_compiled() -> None:
    async def type_in_three() -> None:
        compiler = Recording()
        pages = [Live.begun(fresh(), DEFAULT_LIMITS, compiler) for _ in range(3)]
        await compiler.turn.acquire()
        following = [asyncio.create_task(page.follow()) for page in pages]
        await asyncio.sleep(0)  # all three wait for their turn
        for number, page in enumerate(pages):
            for text in ("never", f"text {number}"):
                page.type(text)
        compiler.turn.release()
        while any(page.data != page.text.encode() for page in pages):
            await asyncio.sleep(0)
        for each in following:
            each.cancel()
        in_turn = [f"text {number}" for number in range(3)]
        assert compiler.asked == [(task, t) for t in in_turn for task in ("compile", "picture")]

    asyncio.run(type_in_three())


def test_what_is_overtaken_is_not_told() -> None:
    async def overtake() -> None:
        compiler = Recording()
        live = Live.begun(fresh(), DEFAULT_LIMITS, compiler)
        told: list[str] = []
        live.told = lambda made: told.append(made.text)
        following = asyncio.create_task(live.follow())
        while not compiler.asked:
            await asyncio.sleep(0)
        live.type("newer")  # while the first is compiled
        while live.data != b"newer":
            await asyncio.sleep(0)
        following.cancel()
        assert told == ["newer"] and ("picture", NET) not in compiler.asked

    asyncio.run(overtake())


def test_a_text_that_is_given_up_is_told_and_the_page_lives_on() -> None:
    async def give_up() -> None:
        live = Live.begun(fresh(), DEFAULT_LIMITS, Recording(fails="endless"))
        drawn: list[Outcome] = []
        live.pictured = drawn.append
        following = asyncio.create_task(live.follow())
        for text in (NET, "endless", "then"):
            live.type(text)
            while not drawn or drawn[-1].text != text:
                await asyncio.sleep(0)
            # what is seen beside a text that is wrong
            assert live.good == (NET if text == "endless" else text).encode()
        following.cancel()
        assert [each.status for each in drawn[-3:]] == ["fine", "1 error", "fine"]
        assert drawn[-2].findings[0].text == "error: it was given up" and not drawn[-2].is_drawn

    asyncio.run(give_up())


def test_findings_without_a_text_are_shown_without_a_place() -> None:
    (found,) = findings_of(compiled("[").diagnostics[:1], {}, "my_resnet.yaml")
    assert found.start is None or found.start >= 0
