"""Sessions that check a change: ``nox -s tests``, ``lint``, ``types`` and ``docs``."""

import nox

nox.options.sessions = ["lint", "types", "docs", "tests"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, or those that are named after ``--``."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "loadfile", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, the direction of imports, the Dockerfile and compose.yaml."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache")
    session.run("hadolint", "Dockerfile")
    session.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, and those that a caller from Python sees."""
    session.install("-e", ".[lint]")
    session.run("mypy")
    session.run("python", "-m", "pytest", "tests/project/test_python.py", "-k", "types")


@nox.session
def docs(session: nox.Session) -> None:
    """Generate the config reference and the JSON Schemas, then check links, examples and commands."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "docs.generate")
    session.run("python", "-m", "pytest", "tests/project", "tests/cli/test_schemas.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed a million broken inputs to everything that reads what others wrote."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.fuzz", *(session.posargs or ["--inputs", "1000000"]))
