"""The first code of ours that runs in the bundle: find modules, take those off the shelf, go.

The launcher calls it with its folder, the name it was called by and the caller's words.  A
program's shelf holds the modules that its usual run loads, in the order in which imports end
(see ``kuma_net.cli.shelf`` for the theory); nothing is checked, as a bundle never changes.  All
other modules come from the zip file, whose table of contents alone takes milliseconds to read:
so folders with plain files come before it on the path.
"""

import sys
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

PROGRAMS = {
    "kuma-cni": ("kuma_cni.cli.main", "kuma-cni"),
    "kuma-cni-install": ("kuma_cni.cli.install", ""),
    "kuma-init": ("kuma_net.cli.init", "kuma-init"),
    "kumactl": ("kuma_net.cli.init", "kuma-init"),
    "kuma-net": ("kuma_net.cli.main", ""),
}
"""Names of the launcher: the module whose ``main`` is the program, and its shelf."""
USUAL = "kuma-cni"
"""What the launcher is under any other name: a network configuration may call it anything."""


def begin(folder: str, name: str, words: list[str]) -> object:
    """Become the program of that name and return what it returns."""
    name = name if name in PROGRAMS else USUAL
    module, shelf = PROGRAMS[name]
    sys.argv[:] = [f"{folder.rpartition('/')[0]}/{name}", *words]
    sys.path[:] = [*sys.path[1:], f"{folder}/modules.zip"]
    sys.modules["__main__"].__file__ = sys.argv[0]
    if shelf:
        with open(f"{folder}/{shelf}.shelf", "rb") as file:  # noqa: PTH123 - pathlib is not loaded here
            take(loads(file.read()), f"{folder}/modules.zip")  # noqa: S302 - our own bytecode
    __import__(module)
    return sys.modules[module].main()


def take(entries: "list[tuple[str, bool, CodeType]]", archive: str) -> None:
    """Load the modules of a shelf: name, whether it is a package, code."""
    from _frozen_importlib import ModuleSpec

    modules = sys.modules
    for name, is_package, _ in entries:
        module = modules[name] = type(sys)(name)
        path = f"{archive}/{name.replace('.', '/')}"
        module.__spec__ = ModuleSpec(name, None, origin=path, is_package=is_package)
        module.__package__ = name if is_package else name.rpartition(".")[0]
        if is_package:
            module.__path__ = [path]
    for name, _, code in entries:
        exec(code, modules[name].__dict__)  # noqa: S102 - as the import system does
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(modules[parent], own, modules[name])


if __name__ == "__main__":
    sys.exit(begin(sys.argv[1], sys.argv[2], sys.argv[3:]))  # type: ignore[arg-type]
