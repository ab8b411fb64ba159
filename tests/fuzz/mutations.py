"""Make broken input from valid input. The same seed makes the same input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

__all__ = ["mutated"]

_TOKENS = (
    *rb"""\ud800 \ %2e%2e " ' { } [ ] , : < > = & ; / // .. ../../x &#0; &#x110000; <!-- </script> <![
    #sha256= 0 -1 1e999 NaN Infinity null true 0x 1.0.dev0+x 1! file: http://[ https://x@127.0.0.1:99999/
    --hash= ${HOME} PK === ~= [extra] -r""".split(),
    *b"\0 \xff \x1b[2J PK\1\2 PK\3\4 PK\5\6 PK\6\6 PK\6\7 \xff\xff\xff\xff \xed\xa0\x80 \xe2\x80\xae".split(
        b" "
    ),
    *(
        b" ",
        b"\n",
        b"\r\n",
        b"\0" * 64,
        b"\xff" * 8,
        b" ; ",
        b"@ ",
        b" and ",
        b" in ",
        b" not in ",
        b"extra == ",
    ),
    *(b"9" * 20, b"9" * 5000, b"A" * 300, b"-" * 2000, b"." * 1000, b"<a " * 500, b"(" * 400, b'{"a":' * 900),
    *(b"[" * 50, b"[" * 990, b"[" * 100_000),
)

_VALUES = (
    *rb"""x 1.0 >=1 ==1.*,<2 ===x ~=1 x[y] demo Demo.X -demo- .. ./x /etc/passwd \u0000 C:\\x md5:1 http://[::1
    https://example.org/demo-1.0-py3-none-any.whl https://u:p@example.org/x http://[x]/ //x
    demo-1.0-py3-none-any.whl 2024-01-01T00:00:00Z 9999-12-31T23:59:59Z 0001-01-01T00:00:00+23:59""".split(),
    *b"""os_name == 'a'|os_name == os_name|'a' in 'b'|python_version in '3.9'|extra == 'x' or 'y' in extras
    |python_version < 'x'|platform_release > '1.0.x'|extra != 'extra-4-demo-x'|'x' not in extras
    |python_version ~= '3'|demo @ https://example.org/x.whl|""".replace(b"\n    ", b"").split(b"|"),
    *(b"1" + b"0" * 4400, b"==" + b"9" * 4400, b"1." * 200 + b"0", b"0" * 64, b"sha256:" + b"0" * 64),
    *(b"(" * 400 + b"os_name == 'a'" + b")" * 400, b"os_name == 'a' and " * 400 + b"os_name == 'a'"),
    *(b"demo-" + b"1.0-" * 60 + b"x.tar.gz", b"demo-1.0-" + b"a.b." * 50 + b"c-none-any.whl"),
)
"""For the text between two quotation marks."""

_BARE = (*b'[] {} [[]] "" true false -0 1e999 1.5 18446744073709551616 ["x"]'.split(), b"[" * 990)
"""In place of a text with its quotation marks."""

_QUOTED = re.compile(rb'"([^"\n]*)"')


def mutated(random: random.Random, examples: Sequence[bytes]) -> bytes:
    """Return an example with one to thirty changes."""
    data = bytearray(random.choice(examples))
    for _ in range(random.choice((1, 1, 2, 3, 5, 8, 30))):
        random.choice(_CHANGES)(random, data, random.choice(examples))
    return bytes(data)


def _part(random: random.Random, data: Sequence[int], most: int = 200) -> slice:
    start = random.randrange(len(data) + 1)
    return slice(start, start + random.randrange(most))


def _flip(random: random.Random, data: bytearray, _: bytes) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite(random: random.Random, data: bytearray, _: bytes) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _insert(random: random.Random, data: bytearray, _: bytes) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(_TOKENS)


def _replace(random: random.Random, data: bytearray, _: bytes) -> None:
    data[_part(random, data, 20)] = random.choice(_TOKENS)


def _delete(random: random.Random, data: bytearray, _: bytes) -> None:
    del data[_part(random, data)]


def _repeat(random: random.Random, data: bytearray, _: bytes) -> None:
    part = _part(random, data)
    data[part.stop : part.stop] = data[part] * random.choice((1, 2, 30))


def _take(random: random.Random, data: bytearray, other: bytes) -> None:
    data[_part(random, data)] = other[_part(random, other)]


def _cut(random: random.Random, data: bytearray, _: bytes) -> None:
    del data[random.randrange(len(data) + 1) :]


def _change_value(random: random.Random, data: bytearray, _: bytes) -> None:
    if found := [*_QUOTED.finditer(data)]:
        match, bare = random.choice(found), random.random() < 0.3
        start, end = match.span(0 if bare else 1)
        data[start:end] = random.choice(_BARE if bare else _VALUES)


_CHANGES: tuple[Callable[[random.Random, bytearray, bytes], None], ...] = (
    *(_flip, _flip, _overwrite, _overwrite, _insert, _insert, _replace, _replace),
    *(_delete, _repeat, _take, _cut, *[_change_value] * 8),
)
