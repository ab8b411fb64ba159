"""The files that docs/generate.py writes are up to date, and the JSON Schemas match what commands print."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from docs.generate import DOCS, pages
from minimirror.storage import Demand, DemandedFile, MissedProject
from tests.helpers.demanded import came, missed
from tests.helpers.index import Status
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.index import Index

SCHEMAS = sorted((DOCS / "schemas").iterdir())


@pytest.fixture
def mirror(index: Index, repository: Path) -> Mirror:
    """A mirror that lacks a file and skips another; nothing is downloaded yet."""
    index.add_wheel("demo", "1.0")
    index.add_sdist("demo", "1.0")
    index.add_wheel("lost", "1.0")
    index.fault("lost-1.0-py3-none-any.whl", Status(404))
    return Mirror(index, repository, package_types=["bdist_wheel"])


def check(schema: str, mirror: Mirror, *arguments: str | Path, exit_code: int = 0) -> dict[str, Any]:
    """Run a command, and validate its output against a schema that allows no other keys."""
    done = minimirror_command(*arguments, "--json", "--config", mirror.config(), exit_code=exit_code)
    output: dict[str, Any] = json.loads(done.stdout)
    described = json.loads((DOCS / "schemas" / f"{schema}.schema.json").read_text("utf-8"))
    Draft202012Validator(closed(described)).validate(output)
    return output


def closed(schema: Any) -> Any:
    """Return the schema without additional properties."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    return {**found, "additionalProperties": False} if "properties" in found else found


def test_are_up_to_date() -> None:
    for path, text in pages().items():
        assert path.read_text("utf-8") == text, "run `python -m docs.generate`"
    assert {path for path in pages() if path.parent.name == "schemas"} == set(SCHEMAS)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_are_valid_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))


def test_plan_and_run(mirror: Mirror) -> None:
    assert check("plan", mirror, "plan")["fetch"]
    assert check("run", mirror, "run", exit_code=1)["failures"]
    mirror.rules["projects"] = ["lost"]
    assert check("plan", mirror, "run", "--dry-run")["remove"]


def test_explain(mirror: Mirror) -> None:
    assert {each["rule"] for each in check("explain", mirror, "explain", "demo")["files"]} == {
        None,
        "package_types",
    }


def test_verify(mirror: Mirror) -> None:
    mirror.run()
    (mirror.path / "local-1.0-py3-none-any.whl").write_bytes(b"")
    found = check("verify", mirror, "verify", exit_code=1)
    assert found["wanted"]
    assert found["unknown"]


def test_status(mirror: Mirror) -> None:
    assert check("status", mirror, "status")["outcome"] == "none"
    mirror.rules["targets"] = [{"python": "3.12", "platform": "win_amd64"}]
    mirror.run()
    found = check("status", mirror, "status")
    assert found["missing"]
    assert (found["outcome"], found["biggest"][0]["project"]) == ("incomplete", "demo")
    assert (found["targets"][0]["files"], found["targets"][0]["missing"]) == (1, 1)


def test_report(mirror: Mirror) -> None:
    assert check("report", mirror, "report")["growth"] == []
    mirror.rules["targets"] = [{"python": "3.12", "platform": "win_amd64"}]
    mirror.run()
    with closing(Demand(mirror.state / "demand.sqlite")) as demand:
        demand.came(DemandedFile("demo-1.0-py3-none-any.whl", "demo", "1.0", 5.0, 5.0, 1))
        demand.miss([MissedProject("wanted", 2, 5.0, 6.0, "no such project")])
    found = check("report", mirror, "report")
    assert found["projects"][0]["releases"][0]["name"] == "1.0"
    assert found["targets"]
    assert found["years"]
    assert found["growth"]
    assert found["missing"]
    assert found["outdated"]
    assert found["demanded"]
    assert found["missed"]


def test_export_and_import(mirror: Mirror, tmp_path: Path) -> None:
    mirror.run()
    bundle = tmp_path / "1.tar"
    assert check("export", mirror, "export", "--to", bundle)["paths"] == [str(bundle)]
    assert not check("export", mirror, "export", "--to", tmp_path / "2.tar", exit_code=3)["changed"]
    assert check("export-list", mirror, "export", "--list")["exports"]
    far = Mirror(mirror.index, tmp_path / "far")
    assert check("import", far, "import", bundle)["imports"]


def test_push(mirror: Mirror, index_factory: Callable[..., Index]) -> None:
    mirror.run()
    other = index_factory()
    assert check("push", mirror, "push", other.url, "--simple-url", other.url, "--dry-run")["missing"]


def test_requested(mirror: Mirror, index: Index) -> None:
    came(index, mirror, index.projects["demo"].files[0])
    missed(mirror, "nowhere")
    found = check("requested", mirror, "requested")
    assert found["missed"]
    assert found["came"]


def test_config_show(mirror: Mirror) -> None:
    found = check("config-show", mirror, "config", "show", "--processes", "2")
    assert {found[key]["from"] for key in ("repository", "processes", "yanked")} == {
        "config",
        "option",
        "default",
    }
