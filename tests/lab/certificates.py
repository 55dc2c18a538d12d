"""Certificates for servers and clients of the lab, made by openssl(1)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kuma_net.record import Record


class Certificate(Record):
    """The files of a certificate and its key (PEM)."""

    file: Path
    key: Path

    def encrypted(self, target: Path) -> Path:
        """Write the key anew, with a password; return its path."""
        _openssl("pkey", "-in", self.key, "-aes256", "-passout", "pass:lab", "-out", target)
        return target


class Authority:
    """Vouches for certificates; its own is ``ca.pem`` in its folder."""

    def __init__(self, folder: Path) -> None:
        """Make it."""
        self._folder = folder
        self.file = folder / "ca.pem"
        self._key = folder / "ca.key"
        subject = ("-subj", "/CN=lab", "-addext", "basicConstraints=critical,CA:TRUE")
        _openssl("req", "-x509", *_KEY, "-keyout", self._key, "-out", self.file, *subject)

    def issue(self, name: str, *names: str) -> Certificate:
        """Return a certificate for a name, with alternative names such as ``IP:127.0.0.1``."""
        file, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        signed = ("-subj", f"/CN={name}", "-CA", self.file, "-CAkey", self._key)
        also = ("-addext", f"subjectAltName={','.join(names)}") if names else ()
        _openssl("req", "-x509", *_KEY, "-keyout", key, "-out", file, *signed, *also)
        return Certificate(file, key)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


def _openssl(*words: str | Path) -> None:
    subprocess.run(("openssl", *map(str, words)), check=True, capture_output=True, timeout=20)
