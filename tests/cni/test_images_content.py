"""What lies in the images: sizes, modes, licences, the list of it all; the same bytes each time."""

from __future__ import annotations

import json
import os
import re
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kuma_net import __version__
from kuma_net.record import Record
from lab import images
from lab.bundle import bundle
from lab.docker_archive import files_of, read_image
from lab.images import CNI, INIT, cni_image, init_image

LARGEST = {"kuma-init": 25_000_000, "kuma-cni": 20_000_000}
"""Bytes, not compressed."""
OF_BUSYBOX = {"bin/busybox", "bin/cat", "bin/sh", "bin/sleep"}


class Image(Record):
    """An image's name, its configuration, and its only layer: members and contents by path."""

    name: str
    config: dict[str, Any]
    members: dict[str, tarfile.TarInfo]
    contents: dict[str, bytes]

    @property
    def short(self) -> str:
        """Return the name without place and version."""
        return self.name.partition("/")[2].partition(":")[0]

    @property
    def papers(self) -> str:
        """Return the folder of licences and of the list of what is inside."""
        return f"usr/share/doc/{self.short}"

    def content(self, path: str) -> bytes:
        """Return what a file or a link holds."""
        member = self.members[path]
        return self.contents[resolved(path, member.linkname) if member.issym() else path]

    def sbom(self) -> dict[str, Any]:
        """Return the list of what is inside."""
        found: dict[str, Any] = json.loads(self.contents[f"{self.papers}/sbom.spdx.json"])
        return found


def resolved(path: str, goal: str) -> str:
    """Return where a link at a path leads."""
    return os.path.normpath(Path(path).parent / goal)


def look_into(archive: Path) -> Image:
    """Read an archive with all that its layer holds."""
    image = read_image(archive)
    files = files_of(image.layer)
    members = {one.name: one for one in files}
    contents = {one.name: content for one, content in files.items() if one.isfile()}
    return Image(image.name, image.config, members, contents)


@pytest.fixture(scope="module", params=["kuma-init", "kuma-cni"])
def image(request: pytest.FixtureRequest) -> Image:
    return look_into({"kuma-init": init_image, "kuma-cni": cni_image}[request.param]())


def test_an_image_is_named_and_described(image: Image) -> None:
    assert image.name in {INIT, CNI}
    assert image.config["os"] == "linux"
    assert image.config["architecture"] in {"amd64", "arm64"}
    labels = image.config["config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.title"] in image.name


def test_entry_points_are_those_that_kuma_has() -> None:
    init, cni = look_into(init_image()).config["config"], look_into(cni_image()).config["config"]
    assert (init["Entrypoint"], init["Cmd"]) == (
        ["/usr/bin/kumactl"],
        ["install", "transparent-proxy"],
    )
    assert (cni["Entrypoint"], cni.get("Cmd")) == (["/install-cni"], None)
    assert "User" not in init


def test_an_image_is_small(image: Image) -> None:
    size = sum(member.size for member in image.members.values())
    assert size <= LARGEST[image.short], f"{image.short}: {size / 10**6:.1f} MB"


def test_nothing_can_be_written_or_gives_rights_but_the_folder_for_everybody(image: Image) -> None:
    for path, member in image.members.items():
        assert (member.uid, member.gid) == (0, 0), path
        mode = member.mode & 0o7777
        if path == "tmp":
            assert (member.isdir(), mode) == (True, 0o1777)
        elif not member.issym():
            assert mode in ({0o755} if member.isdir() else {0o644, 0o755}), path


def test_links_lead_to_something_in_the_image(image: Image) -> None:
    for path, member in image.members.items():
        assert not member.islnk(), path
        if member.issym():
            assert resolved(path, member.linkname) in image.members, path


def test_there_is_no_shell_but_the_one_that_kumas_chart_calls(image: Image) -> None:
    shells = {
        path
        for path in image.members
        if path.rpartition("/")[2] in {"sh", "bash", "dash", "busybox", "cat", "sleep"}
        and "/licences/" not in path
    }
    assert shells == (OF_BUSYBOX if image.name == CNI else set())


def test_the_sidecars_account_is_known(image: Image) -> None:
    accounts = image.contents["etc/passwd"].decode().splitlines()
    assert [line.split(":")[:4] for line in accounts] == [
        ["root", "x", "0", "0"],
        ["kuma-dp", "x", "5678", "5678"],
    ]


def test_the_list_has_every_file_with_its_digest_and_its_package(image: Image) -> None:
    sbom = image.sbom()
    listed = {one["fileName"]: one for one in sbom["files"]}
    there = {f"./{path}": data for path, data in image.contents.items()}
    assert listed.keys() == there.keys() - {f"./{image.papers}/sbom.spdx.json"}
    for path, one in listed.items():
        digests = {each["algorithm"]: each["checksumValue"] for each in one["checksums"]}
        assert digests["SHA256"] == sha256(there[path]).hexdigest(), path
    packages = {one["SPDXID"]: one["name"] for one in sbom["packages"]}
    owners = {
        one["relatedSpdxElement"]: packages[one["spdxElementId"]]
        for one in sbom["relationships"]
        if one["spdxElementId"] in packages and one["relatedSpdxElement"] not in packages
    }
    assert owners.keys() == {one["SPDXID"] for one in listed.values()}
    named = {path: owners[one["SPDXID"]] for path, one in listed.items()}
    tool, owner = {
        "kuma-init": ("./usr/sbin/nft", "nftables"),
        "kuma-cni": ("./bin/busybox", "busybox-static"),
    }[image.short]
    assert named[tool] == owner
    assert {named[path] for path in named if path.endswith("/bin/python3.11")} == {
        "python3.11-minimal"
    }


def test_every_package_brings_its_licence_and_scanners_know_it(image: Image) -> None:
    packages = {one["name"]: one for one in image.sbom()["packages"]}
    expected = {"kuma-init": {"iptables", "nftables"}, "kuma-cni": {"busybox-static"}}
    assert expected[image.short] | {"kuma-net", "python3.11-minimal", "h2"} <= packages.keys()
    for name, one in packages.items():
        text = one["licenseComments"].removeprefix("in full: ")
        written = image.content(f"{image.papers}/{text}").decode()
        for common in common_licences(written):
            assert image.content(f"{image.papers}/licences/common-licenses/{common}")
        if one["supplier"] == "Organization: Debian":
            control = image.content(f"var/lib/dpkg/status.d/{name}").decode()
            assert f"\nVersion: {one['versionInfo']}\n" in control
            [reference] = one["externalRefs"]
            assert reference["referenceLocator"].startswith(f"pkg:deb/debian/{name}@")


def common_licences(text: str) -> set[str]:
    """Return the names of licences that a copyright file has not in full: GPL-2, {GPL-2,GPL-3}."""
    named = re.findall(r"common-licenses/(\{[^}]*\}|[\w.-]*\w)", text)
    return {name for one in named for name in one.strip("{}").split(",")}


def test_images_are_reproducible(tmp_path: Path) -> None:
    made_of = bundle()
    storage = Path("/var/lib/containers")
    before = sorted(storage.rglob("*"))
    images.build(made_of, tmp_path / "again")
    assert sorted(storage.rglob("*")) == before, "the machine's own storage is not ours to use"
    for archive in images.images_of(made_of).iterdir():
        again = tmp_path / "again" / archive.name
        assert sha256(again.read_bytes()).digest() == sha256(archive.read_bytes()).digest()
