"""Strings that break programs which paste text into source, markup, terminals, paths or YAML.

`WORDS` are words of the language's own form, so they go far into the compiler; `TEXTS` are everything else.
Characters that cannot be seen are written as escapes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

LONG = 900_000
"""Nearly the largest text that is read at all."""

TEXTS: dict[str, str] = {
    "empty": "",
    "space": " ",
    "blanks": " \u00a0\u3000 ",
    "single quote": "it's",
    "double quote": 'a "b" c',
    "triple quotes": '"""\nimport os\n"""',
    "triple quotes in a line": '""" + __import__("os").system("id") + """',
    "single triple quotes": "'''",
    "quotes throughout": '"' * 199,
    "backslash": "a\\",
    "backslashes throughout": "\\" * 199,
    "escapes throughout": "\\x" * 99,
    "escape behind a long word": "a" * 70 + "\\N{BULLET}\\u202e" * 6,
    "escape that is cut": "a" * 73 + "\\xg\\xg\\xg\\xg\\xg",
    "line break": "a\nb",
    "carriage return": "a\rb",
    "breaks and code": "x\n    import os\nclass Y: pass\n#",
    "tab": "a\tb",
    "form feed": "a\fb",
    "vertical tab": "a\vb",
    "next line U+0085": "a\x85b",
    "line separator U+2028": "a\u2028import os",
    "paragraph separator U+2029": "a\u2029b",
    "NUL": "a\0b",
    "bell and backspace": "a\a\b\b\b",
    "delete": "a\x7f",
    "ANSI colour": "\x1b[31mred\x1b[0m",
    "ANSI cursor": "\x1b[2J\x1b[1;1H",
    "OSC title": "\x1b]0;title\x07",
    "CSI in one character": "\x9b2J",
    "right to left override": "\u202egpj.exe",
    "isolates": "\u2066a\u2069 b\u2067",
    "zero width": "wid\u200bth",
    "zero width joiner": "wid\u200dth",
    "byte order mark": "\ufeffwidth",
    "soft hyphen": "wid\u00adth",
    "tag characters": "a\U000e0041\U000e007f",
    "private use": "a\ue000b",
    "noncharacter": "a\uffffb",
    "lone surrogate": "\ud800",
    "reversed surrogates": "\udc00\ud800",
    "combining characters": "e\u0301" + "\u0300" * 60,
    "emoji": "\U0001f600 \U0001f1eb\U0001f1f7",
    "NFKC ligature": "\ufb01eld",
    "NFKC fullwidth": "\uff57idth",
    "NFKC mathematical": "\U0001d430\U0001d422\U0001d41d\U0001d42d\U0001d421",
    "Cyrillic look-alike": "wi\u0501th",
    "Greek look-alike": "\u03bfut",
    "dotless i": "w\u0131dth",
    "digits of another script": "\u0661\u0662",
    "superscript digit": "a\u00b2",
    "Jinja expression": "{{ 7 * 7 }}",
    "Jinja statement": "{% for x in range(9) %}{{ self }}{% endfor %}",
    "Jinja comment": "{# a #}",
    "template attribute": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "format field": "{0} {name!r:>{width}}",
    "format attribute": "{stage.__class__.__init__.__globals__}",
    "open brace": "{",
    "close brace": "}",
    "percent": "%s %(x)s %n %0D",
    "shell": "$(id) `id` ; rm -rf / | sh && x",
    "Python import": "__import__('os').system('id')",
    "Python lambda": "(lambda: open('/etc/passwd'))()",
    "Python walrus": "(x := 1)",
    "Python attribute": "().__class__.__bases__[0]",
    "Python star": "*[1]",
    "Python f-string": "f'{1}'",
    "Python bytes": "b'x'",
    "Python ellipsis": "...",
    "Python yield": "(yield)",
    "Python await": "await x",
    "Python comment": "1 # type: ignore",
    "type comment": "# type: ignore",
    "encoding comment": "# -*- coding: utf-7 -*-",
    "semicolon": "1; import os",
    "decorator": "@x\ndef f(): pass",
    "deep brackets": "(" * 200 + "1" + ")" * 200,
    "deep minuses": "-" * 499 + "1",
    "deep nots": "not " * 120 + "1",
    "deep conditions": "1 if 1 else " * 41 + "1",
    "deep powers": "2**" * 160 + "1",
    "large power": "9**9**9**9",
    "large shift": "1 << 99999999",
    "large integer": "9" * 500,
    "large float": "1e999",
    "not a number": "nan",
    "division by zero": "1 / 0",
    "hexadecimal": "0x10",
    "imaginary": "1j",
    "underscored number": "1_0",
    "script": "<script>alert(1)</script>",
    "SVG": '"/><svg onload=alert(1)>',
    "CDATA end": "]]>",
    "comment end": "-->",
    "comment begin": "<!--",
    "entity": "&lt;&#x1b;&xxe;",
    "Markdown": "[a](javascript:x) | `b` **c** ![d](e)",
    "HTML attribute": "' onclick='x",
    "GitHub command": "::error file=x::y",
    "GitHub command on a line": "\n::set-output name=x::y\n::add-mask::z",
    "YAML mapping": "a: b",
    "YAML comment": "a #b",
    "YAML anchor": "&a",
    "YAML alias": "*a",
    "YAML tag": "!!python/object/apply:os.system ['id']",
    "YAML merge": "<<",
    "YAML document": "---",
    "YAML null": "~",
    "path up": "../../etc/passwd",
    "path up with a suffix": "../secret.yaml",
    "path absolute": "/etc/passwd",
    "path with a folder": "a/b",
    "path with a backslash": "..\\..\\x",
    "path of a drive": "C:\\x.yaml",
    "path of a share": "\\\\host\\share\\x.yaml",
    "path of home": "~/x.yaml",
    "path of the folder": ".",
    "path of the folder above": "..",
    "URL": "file:///etc/passwd",
    "star": "*",
    "glob": "[a-z]*?",
    "dots": "a..b",
    "leading dot": ".a",
    "trailing dot": "a.",
    "leading digit": "1a",
    "hyphen": "a-b",
    "leading hyphen": "-rf",
    "ends in a line break": "width\n",
    "dotted dunder": "a.__class__",
    "long word": "a" * 300,
    "long text": "a b" * 160,
    "very long": "a" * LONG,
    "very long line of quotes": '"' * (LONG // 3),
    "very long line of breaks": "\n" * (LONG // 3),
    "very long expression": "1+" * (LONG // 2) + "1",
    "very long pattern": "{1}" * (LONG // 3),
}

WORDS = [
    *"""class lambda None async match case type _ print super range int isinstance list object
    forward training parameters register_buffer half _modules _parameters _buffers _forward_hooks add_module
    keys values items append pop
    self x nn torch F Tensor OrderedDict StdConv2d Projection features stage shortcut module reset_parameters
    input norm act none required index stride add in_channels conv
    __init__ __class__ __x __all__ __ __import__
    Q_CONV q_Conv BlockTitle block_title x_ X""".split(),  # noqa: SIM905
    "w" * 100,
]
"""Words of Python, of `nn.Module`, of its containers, of emitted code, of the language, with two underscores; and some
that differ from names of the template, or from each other, by case alone."""

HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Control, format, surrogate and private characters, and separators of lines: what no output holds."""

ALL = os.environ.get("RESNETC_HOSTILE") == "all"


def turns(strings: Iterable[str], number: int, share: int) -> list[str]:
    """Every `share`-th of the strings, other ones for each number of a field; all of them in the long campaign."""
    return [each for i, each in enumerate(strings) if ALL or (i + number) % share == 0]
