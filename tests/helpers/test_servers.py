"""What a test does without the server that it needs."""

from __future__ import annotations

import pytest

from tests.helpers.servers import program


def test_missing_program_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no-such-server.*apt-get install some-package"):
        program("no-such-server", "some-package")


def test_missing_program_fails_the_test_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-server"):
        program("no-such-server", "some-package")
