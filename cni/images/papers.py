"""What tells people and scanners what is in an image: packages, licences, the bill of materials.

All are made as for the bundle, whose own bill says of its files where they are from.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[2]
sys.path += [str(PROJECT), str(PROJECT / "cni" / "bundle")]
from provenance import (  # noqa: E402 - found by the line above
    Package,
    debian_package,
    debian_packages,
    licence_texts,
    our_package,
    python_packages,
)
from sbom import bill  # noqa: E402 - likewise

from kuma_net import __version__  # noqa: E402 - likewise

if TYPE_CHECKING:
    from content import Root

BILL = "sbom.spdx.json"


def complete(root: Root, name: str, bundle: Path) -> None:
    """Add the papers of an image of that name, below /usr/share/doc, and what scanners look for."""
    place = f"usr/share/doc/{name}"
    origins = debian_packages(root.origins.values())
    owners = {path: origins[origin] for path, origin in root.origins.items()}
    others = _owners_in_bundle(bundle)
    owners |= {at: others[path] for path, at in root.taken.items() if path in others}
    debian = [debian_package(one) for one in sorted({*origins.values(), *_debian_in(bundle)})]
    packages = [our_package(__version__), *debian, *python_packages()]
    for one in debian:
        root.put(f"var/lib/dpkg/status.d/{one.name}", _status(one))
    for path, text in licence_texts(packages).items():
        root.put(f"{place}/{path}", text)
    root.share()
    contents = {path: file.data for path, file in root.files.items()}
    digest = sha256(repr(sorted(contents.items())).encode()).hexdigest()
    root.put(f"{place}/{BILL}", bill(name, packages, contents, owners, digest))


def _bill_of(bundle: Path) -> tuple[str, dict[str, list[dict[str, str]]]]:
    """Return the folder that a bundle's bill lies in, and what it says; raises SystemExit."""
    found = sorted(bundle.glob(f"*/{BILL}"))
    if len(found) != 1:
        raise SystemExit(f"{bundle} is not one bundle: make it with make cni-bundle")
    return found[0].parent.name, json.loads(found[0].read_text(encoding="utf-8"))


def _owners_in_bundle(bundle: Path) -> dict[str, str]:
    """Return the names of packages by the paths of the bundle's files."""
    folder, said = _bill_of(bundle)
    names = {one["SPDXID"]: one["name"] for one in said["packages"]}
    paths = {one["SPDXID"]: one["fileName"].removeprefix("./") for one in said["files"]}
    return {
        f"{folder}/{paths[one['relatedSpdxElement']]}": names[one["spdxElementId"]]
        for one in said["relationships"]
        if one["relationshipType"] == "CONTAINS" and one["relatedSpdxElement"] in paths
    }


def _debian_in(bundle: Path) -> list[str]:
    """Return the Debian packages whose files went into a bundle, be it in another shape."""
    _, said = _bill_of(bundle)
    return [one["name"] for one in said["packages"] if one["supplier"] == "Organization: Debian"]


def _status(one: Package) -> bytes:
    """Return the paragraph by which scanners of images know a package (as distroless has it)."""
    return (
        f"Package: {one.name}\nStatus: install ok installed\nVersion: {one.version}\n"
        f"Architecture: {one.architecture}\nSource: {one.source}\n"
    ).encode()
