"""Signed bundles: keys made by ssh-keygen, checked against an allowed signers file."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.bundle.results import DamagedError, SignatureError
from tests.bundle.test_hostile import compose, member
from tests.helpers.bundles import Far, Near
from tests.helpers.running import Terminal, minimirror_command
from tests.helpers.servers import program

if TYPE_CHECKING:
    from pathlib import Path


def new_key(path: Path, *, passphrase: str = "") -> Path:
    keygen = program("ssh-keygen", "openssh-client")
    options = ("-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path)
    subprocess.run([keygen, *options], check=True, capture_output=True)
    return path


def allow(path: Path, *signers: tuple[str, Path], options: str = "") -> Path:
    lines = [f"{name} {options} {key.with_suffix('.pub').read_text()}" for name, key in signers]
    path.write_text("# comment\n" + "".join(lines))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path / "key")


@pytest.fixture
def allowed(tmp_path: Path, key: Path) -> Path:
    other = new_key(tmp_path / "colleague")
    return allow(tmp_path / "allowed", ("colleague@lab.example.org", other), ("me@lab.example.org", key))


def refused(tmp_path: Path, bundle: Path, allowed: Path) -> str:
    far = Far(tmp_path / "far", allowed_signers=str(allowed))
    with pytest.raises(SignatureError) as caught:
        far.take(bundle)
    assert (far.files(), far.rows(), far.left_over()) == ({}, ([], []), [])
    return str(caught.value)


def test_signed_by_an_allowed_signer(near: Near, tmp_path: Path, key: Path, allowed: Path) -> None:
    made = near.export("1.tar", sign=key)
    assert made.signed
    assert near.left_over() == []
    far = Far(tmp_path / "far", allowed_signers=str(allowed))
    (found,) = far.take(*made.paths)
    assert found.signer == "me@lab.example.org"
    assert far.equals(near)


def test_signed_but_no_signature_is_required(near: Near, tmp_path: Path, key: Path) -> None:
    far = Far(tmp_path / "far")
    (found,) = far.take(*near.export("1.tar", sign=key, split=70_000).paths)
    assert (found.signed, found.signer) == (True, None)
    assert far.equals(near)


def test_a_damaged_signature_is_noticed_even_if_none_is_required(
    near: Near, tmp_path: Path, key: Path
) -> None:
    (path,) = near.export("1.tar", sign=key).paths
    data = bytearray(path.read_bytes())
    data[data.index(b"BEGIN SSH SIGNATURE") + 60] ^= 1
    path.write_bytes(data)
    far = Far(tmp_path / "far")
    with pytest.raises(DamagedError, match=r"1\.tar: .*manifest\.jsonl\.gz\.sig"):
        far.take(path)
    assert (far.files(), far.left_over()) == ({}, [])


def test_the_summary_says_whether_a_signature_was_verified(
    near: Near, tmp_path: Path, key: Path, allowed: Path
) -> None:
    (path,) = near.export("1.tar", sign=key).paths
    for config, said in (({}, "not verified"), ({"allowed_signers": str(allowed)}, "by me@lab.example.org")):
        far = Far(tmp_path / said, **config)
        assert said in minimirror_command("import", "--config", far.config_file(), path).stdout


def test_unsigned(near: Near, tmp_path: Path, allowed: Path) -> None:
    (path,) = near.export("1.tar").paths
    assert f"{path}: not signed" in refused(tmp_path, path, allowed)


def test_signed_by_another_key(near: Near, tmp_path: Path, allowed: Path) -> None:
    (path,) = near.export("1.tar", sign=new_key(tmp_path / "stranger")).paths
    assert str(allowed) in refused(tmp_path, path, allowed)


def test_signed_by_a_key_that_is_allowed_for_another_purpose(near: Near, tmp_path: Path, key: Path) -> None:
    allowed = allow(tmp_path / "git", ("me@lab.example.org", key), options='namespaces="git"')
    (path,) = near.export("1.tar", sign=key).paths
    assert str(allowed) in refused(tmp_path, path, allowed)


def test_signed_for_another_purpose(near: Near, tmp_path: Path, key: Path, allowed: Path) -> None:
    """The signature of a file with the same bytes."""
    manifest = tmp_path / "manifest"
    manifest.write_bytes(manifest_of(near.export("1.tar").paths[0]))
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "file", manifest], check=True, capture_output=True
    )
    signature = manifest.with_suffix(".sig").read_bytes()
    path = resigned(near.path.parent / "1.tar", manifest.read_bytes(), signature)
    assert str(allowed) in refused(tmp_path, path, allowed)


def manifest_of(bundle: Path) -> bytes:
    done = subprocess.run(["tar", "xOf", bundle, "manifest.jsonl.gz"], check=True, capture_output=True)
    return done.stdout


def resigned(bundle: Path, manifest: bytes, signature: bytes) -> Path:
    """Return the bundle with another (packed) manifest and signature, and correct checksums."""
    lines = gzip.decompress(manifest).splitlines()
    row = next(json.loads(line)["file"] for line in lines if b'"file"' in line)
    name = f"files/{row['filename']}"
    done = subprocess.run(["tar", "xOf", bundle, name], check=True, capture_output=True)
    files = member("manifest.jsonl.gz.sig", signature) + member(name, done.stdout, int(row["upload_time"]))
    head: dict[str, Any] = {"number": 1, "name": "1.tar", "signature_size": len(signature)}
    digest = hashlib.sha256(signature).hexdigest()
    path = bundle.with_name("forged.tar")
    return compose(path, b"", files, packed=manifest, signature_sha256=digest, **head)


def test_modified_after_signing(near: Near, tmp_path: Path, key: Path, allowed: Path) -> None:
    (path,) = near.export("1.tar", sign=key).paths
    manifest = manifest_of(path)
    signature = subprocess.run(
        ["tar", "xOf", path, "manifest.jsonl.gz.sig"], check=True, capture_output=True
    ).stdout
    far = Far(tmp_path / "trusting", allowed_signers=str(allowed))
    far.take(resigned(path, manifest, signature))
    assert far.equals(near)
    forged = resigned(path, gzip.compress(gzip.decompress(manifest).replace(b"index.", b"other.")), signature)
    assert str(allowed) in refused(tmp_path, forged, allowed)


@pytest.mark.parametrize("signature", [b"nonsense\n", b"\0" * 60_000])
def test_invalid_signature(near: Near, tmp_path: Path, key: Path, allowed: Path, signature: bytes) -> None:
    (path,) = near.export("1.tar", sign=key).paths
    assert str(allowed) in refused(tmp_path, resigned(path, manifest_of(path), signature), allowed)


def test_missing_allowed_signers_file(near: Near, tmp_path: Path, key: Path) -> None:
    (path,) = near.export("1.tar", sign=key).paths
    assert str(tmp_path / "nowhere") in refused(tmp_path, path, tmp_path / "nowhere")


class TestKeys:
    @pytest.mark.usefixtures("key")
    def test_missing(self, near: Near, tmp_path: Path) -> None:
        with pytest.raises(SignatureError, match="nokey"):
            near.export("1.tar", sign=tmp_path / "nokey")
        assert not (tmp_path / "1.tar").exists()
        assert near.left_over() == []

    def test_with_a_passphrase_but_no_terminal(self, near: Near, tmp_path: Path) -> None:
        key = new_key(tmp_path / "locked", passphrase="secret")
        options = ("--config", near.config_file(), "--to", tmp_path / "1.tar", "--sign", key)
        done = minimirror_command("export", *options)
        assert done.exit_code == 1
        assert str(key) in done.stderr
        assert not (tmp_path / "1.tar").exists()

    def test_with_a_typed_passphrase(self, near: Near, tmp_path: Path) -> None:
        key = new_key(tmp_path / "locked", passphrase="secret")
        options = ("--config", near.config_file(), "--to", tmp_path / "1.tar", "--sign", key)
        with Terminal(["export", *options]) as terminal:
            terminal.wait_for("Enter passphrase")
            terminal.type("secret\n")
            assert terminal.end() == 0
        assert "signed" in terminal.seen
        allowed = allow(tmp_path / "allowed", ("me", key))
        (found,) = Far(tmp_path / "far", allowed_signers=str(allowed)).take(tmp_path / "1.tar")
        assert found.signer == "me"

    def test_without_openssh(
        self, near: Near, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(SignatureError, match="ssh-keygen"):
            near.export("1.tar", sign=key)

    def test_in_an_agent(self, near: Near, tmp_path: Path, key: Path, allowed: Path) -> None:
        """The public key identifies the private key that the agent holds."""
        socket = tmp_path / "agent"
        with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE) as agent:
            try:
                assert agent.stdout
                agent.stdout.readline()
                environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
                subprocess.run(["ssh-add", "-q", key], check=True, env=environment, capture_output=True)
                key.rename(tmp_path / "hidden")
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("SSH_AUTH_SOCK", str(socket))
                    near.export("1.tar", sign=key.with_suffix(".pub"))
            finally:
                agent.terminate()
        far = Far(tmp_path / "far", allowed_signers=str(allowed))
        (found,) = far.take(tmp_path / "1.tar")
        assert found.signer == "me@lab.example.org"
