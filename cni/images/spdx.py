"""The bill of materials of an image, as SPDX 2.3 in JSON: every file, and the package it is from.

https://spdx.github.io/spdx-spec/v2.3.  The document says nothing about itself, since a file cannot
hold its own digest.  What licence a package of Debian has is told by its copyright file, which
lies beside it in the image; Debian's short names of licences are passed on as they are.
"""

from __future__ import annotations

import json
import re
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from debian import Package, package

if TYPE_CHECKING:
    from content import File, Root

CREATED = "1980-01-01T00:00:00Z"
"""Fixed, so that the same contents give the same document."""
UNKNOWN = "NOASSERTION"


def document(root: Root, name: str, version: str, own: str) -> str:
    """Return the document for what ``root`` holds; ``own`` is the package that is not Debian's."""
    listed = sorted(root.files.items())
    digest = sha256("".join(path + _sha256(file) for path, file in listed).encode()).hexdigest()
    packages = sorted({file.package for file in root.files.values()})
    described = [_own(own, version) if one == own else _debian(package(one)) for one in packages]
    for one in described:
        inside = [file for _, file in listed if file.package == one["name"]]
        one["packageVerificationCode"] = {"packageVerificationCodeValue": _verification(inside)}
    content = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",
        "creationInfo": {"created": CREATED, "creators": [f"Tool: {own}-{version}"]},
        "packages": described,
        "files": [_file(path, file) for path, file in listed],
        "relationships": [
            *[_relation("SPDXRef-DOCUMENT", "DESCRIBES", _package_id(one)) for one in packages],
            *[
                _relation(_package_id(file.package), "CONTAINS", _file_id(path))
                for path, file in listed
            ],
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def _own(name: str, version: str) -> dict[str, Any]:
    return _package(name, version, "Apache-2.0", f"Organization: {name}")


def _debian(one: Package) -> dict[str, Any]:
    described = _package(one.name, one.version, UNKNOWN, "Organization: Debian")
    place = f"pkg:deb/debian/{one.name}@{quote(one.version, safe='~')}"
    written = one.copyright.read_text(encoding="utf-8")
    named = re.findall(r"^License: *(\S.{0,60})$", written, re.MULTILINE)
    told = f": it names {', '.join(dict.fromkeys(named))}" if named else ""
    described |= {
        "originator": f"Person: {one.maintainer}" if one.maintainer else UNKNOWN,
        "sourceInfo": f"built from the source package {one.source} {one.source_version}",
        "licenseComments": f"see usr/share/doc/{one.name}/copyright in the image{told}",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"{place}?arch={one.architecture}&distro=debian-12",
            }
        ],
    }
    if one.homepage:
        described["homepage"] = one.homepage
    return described


def _package(name: str, version: str, licence: str, supplier: str) -> dict[str, Any]:
    return {
        "SPDXID": _package_id(name),
        "name": name,
        "versionInfo": version,
        "supplier": supplier,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": True,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": licence,
        "licenseInfoFromFiles": [UNKNOWN],
        "copyrightText": UNKNOWN,
    }


def _file(path: str, file: File) -> dict[str, Any]:
    return {
        "SPDXID": _file_id(path),
        "fileName": f"./{path}",
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": _sha1(file)},
            {"algorithm": "SHA256", "checksumValue": _sha256(file)},
        ],
        "licenseConcluded": UNKNOWN,
        "licenseInfoInFiles": [UNKNOWN],
        "copyrightText": UNKNOWN,
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _package_id(name: str) -> str:
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def _file_id(path: str) -> str:
    return f"SPDXRef-File-{sha256(path.encode()).hexdigest()[:24]}"


def _verification(files: list[File]) -> str:
    """Return the package verification code (clause 7.9): a digest of the files' digests."""
    return sha1("".join(sorted(map(_sha1, files))).encode()).hexdigest()  # noqa: S324 - SPDX wants it


def _sha1(file: File) -> str:
    return sha1(file.data).hexdigest()  # noqa: S324 - SPDX demands SHA-1 beside others


def _sha256(file: File) -> str:
    return sha256(file.data).hexdigest()
