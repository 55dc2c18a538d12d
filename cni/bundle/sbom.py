"""The bill of materials: SPDX 2.3 as JSON, the same text for the same contents.

Packages are those of ``provenance``; files are the folder's, each with its checksums and, where it
is one of a package's or made of one, related to that package.  SPDX asks for a time and for a
name that no other document has: the time is the one that all files have, the name has a digest.
"""

from __future__ import annotations

import json
import re
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provenance import Package

    Json: TypeAlias = dict[str, object]

CREATED = "1980-01-01T00:00:00Z"
DOCUMENT = "SPDXRef-DOCUMENT"
UNKNOWN = "NOASSERTION"


def bill(
    title: str,
    packages: Sequence[Package],
    files: Mapping[str, bytes],
    owners: Mapping[str, str],
    digest: str,
) -> bytes:
    """Return the document for a thing called ``title``; the first of the packages is ours.

    ``owners`` has the names of packages by paths of files; a file of none is ours.
    """
    whole = packages[0]
    paths = sorted(files)
    inside = {
        one.name: [files[path] for path in paths if owners.get(path, whole.name) == one.name]
        for one in packages
    }
    related = [_relation(DOCUMENT, "DESCRIBES", _package_id(whole.name))]
    related += [
        _relation(_package_id(whole.name), "CONTAINS", _package_id(one.name))
        for one in packages[1:]
    ]
    related += [
        _relation(_package_id(owners.get(path, whole.name)), "CONTAINS", _file_id(path))
        for path in paths
    ]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": f"{title}-{whole.version}",
        "documentNamespace": f"urn:kuma-net:{title}:{digest}",
        "creationInfo": {"created": CREATED, "creators": ["Tool: kuma-net cni/bundle"]},
        "packages": [_package(one) | _analysis(inside[one.name]) for one in packages],
        "files": [_file(path, files[path]) for path in paths],
        "relationships": related,
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def address(one: Package) -> str:
    """Return the package URL; names are in small letters there."""
    namespace = {"deb": "debian/"}.get(one.kind, "")
    found = f"pkg:{one.kind}/{namespace}{one.name.lower()}@{quote(one.version, safe='')}"
    return found + (f"?arch={one.architecture}" if one.architecture else "")


def _package(one: Package) -> Json:
    return {
        "SPDXID": _package_id(one.name),
        "name": one.name,
        "versionInfo": one.version,
        "supplier": "Organization: Debian" if one.kind == "deb" else UNKNOWN,
        "downloadLocation": UNKNOWN,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": one.licence or UNKNOWN,
        "licenseComments": f"in full: {one.licence_file}",
        "copyrightText": UNKNOWN,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": address(one),
            }
        ],
    }


def _analysis(files: Sequence[bytes]) -> Json:
    """Return what SPDX asks of a package with files: a digest of their digests (clause 7.9)."""
    if not files:
        return {"filesAnalyzed": False}
    sums = sorted(sha1(data, usedforsecurity=False).hexdigest() for data in files)
    code = sha1("".join(sums).encode(), usedforsecurity=False).hexdigest()
    return {
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": code},
        "licenseInfoFromFiles": [UNKNOWN],
    }


def _file(path: str, data: bytes) -> Json:
    sums = {"SHA1": sha1(data, usedforsecurity=False), "SHA256": sha256(data)}
    return {
        "SPDXID": _file_id(path),
        "fileName": f"./{path}",
        "checksums": [
            {"algorithm": name, "checksumValue": found.hexdigest()} for name, found in sums.items()
        ],
        "licenseConcluded": UNKNOWN,
        "licenseInfoInFiles": [UNKNOWN],
        "copyrightText": UNKNOWN,
    }


def _relation(one: str, kind: str, other: str) -> Json:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _package_id(name: str) -> str:
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def _file_id(path: str) -> str:
    return "SPDXRef-File-" + re.sub(r"[^A-Za-z0-9.-]", "-", path)
