"""An image of a container, made without any tool: busybox and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.building import MissingProgram
from lab.docker_archive import new_image, new_layer

IMAGE = "localhost/busybox:1"
"""The name of the image; nothing is pulled under it from anywhere."""
APPLETS = ("sh", "cat", "id", "ip", "nc", "sleep", "true")
ACCOUNTS = {
    "etc/passwd": b"root:x:0:0::/:/bin/sh\nkuma-dp:x:5678:5678::/:/bin/false\n",
    "etc/group": b"root:x:0:\nkuma-dp:x:5678:\n",
}


def write_image(target: Path) -> Path:
    """Write the image's archive and return its path; raises MissingProgram."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise MissingProgram("there is no busybox on this machine (package busybox-static)")
    links = {f"bin/{applet}": "busybox" for applet in APPLETS}
    layer = new_layer({"bin/busybox": Path(busybox).read_bytes()}, links, ACCOUNTS)
    image = new_image(IMAGE, layer, Cmd=["/bin/sleep", "1000000"], Env=["PATH=/bin"])
    return image.write(target)
