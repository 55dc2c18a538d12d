"""The first code of ours that runs in the bundle: where modules are, and which program to be.

The launcher calls it with its folder, the name it was called by and the caller's words.  The
usual runs of the lean programs find their modules on shelves (``shelves`` tells what lies where,
``kuma_net.cli.shelf`` the theory); all others come from the zip file, whose table of contents
alone takes milliseconds to read.  Nothing is checked: a bundle never changes.

A shelf is loaded whole, when the first of its modules is imported.  Its modules run in an order in
which each finds ready what it imports at once; so hardly any import goes through the import
system.  Were the order wrong, one would: that is slower, and all.
"""

import gc
import sys
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    Entry: TypeAlias = tuple[str, bool, CodeType]
    """A module's name, whether it is a package, and its code."""

PROGRAMS = {
    "kuma-cni": "kuma_cni.cli.main",
    "kuma-cni-install": "kuma_cni.cli.install",
    "install-cni": "kuma_cni.cli.install",
    "kuma-init": "kuma_net.cli.init",
    "kumactl": "kuma_net.cli.init",
    "kuma-net": "kuma_net.cli.main",
}
"""Names of the launcher, and the modules whose ``main`` is the program."""
USUAL = "kuma-cni"
"""What the launcher is under any other name: a network configuration may call it anything."""


class Shelves:
    """A finder for the import system, and the loader of what it finds."""

    def __init__(self, folder: str, homes: "dict[str, str]") -> None:
        """Take shelves from ``folder``; ``homes`` has the shelf of each module that is on one."""
        self._folder = folder
        self._homes = homes
        self._waiting: dict[str, Entry] = {}

    def find_spec(
        self, name: str, _path: "Sequence[str] | None" = None, _target: object = None
    ) -> "ModuleSpec | None":
        """Return the specification of a module, which has run by then; None: not on a shelf."""
        home = self._homes.get(name)
        if home is None:
            return None
        if name in self._waiting:
            self._run(name)
        else:
            with open(f"{self._folder}/{home}", "rb") as file:  # noqa: PTH123 - pathlib is slow
                entries: list[Entry] = loads(file.read())  # noqa: S302 - our own bytecode
            self._waiting.update([(entry[0], entry) for entry in entries])
            for entry in entries:
                if entry[0] in self._waiting:
                    self._run(entry[0])
        return sys.modules[name].__spec__

    def create_module(self, spec: "ModuleSpec") -> "ModuleType":
        """Return the module that is there already."""
        return sys.modules[spec.name]

    def exec_module(self, module: "ModuleType") -> None:
        """Do nothing: it has run."""

    def _run(self, name: str) -> None:
        """Make a module of what waits for it."""
        from _frozen_importlib import ModuleSpec

        _, is_package, code = self._waiting.pop(name)
        parent, _, own = name.rpartition(".")
        if parent and parent not in sys.modules:
            __import__(parent)
        path = f"{self._folder}/modules.zip/{name.replace('.', '/')}"
        module: Any = type(sys)(name)
        module.__spec__ = ModuleSpec(name, self, origin=path, is_package=is_package)  # type: ignore[arg-type]  # a loader by its methods
        module.__package__ = name if is_package else parent
        module.__loader__ = self
        if is_package:
            module.__path__ = [path]
        sys.modules[name] = module
        exec(code, module.__dict__)  # noqa: S102 - as the import system does
        if parent:
            setattr(sys.modules[parent], own, module)


def begin(folder: str, name: str, words: "list[str]") -> "int | None":
    """Become the program of that name and return what it returns."""
    name = name if name in PROGRAMS else USUAL
    extensions = sys.path[-1]
    sys.argv[:] = [f"{folder.rpartition('/')[0]}/{name}", *words]
    sys.path[:] = [extensions, f"{folder}/modules.zip"]
    sys.modules["encodings"].__path__.append(f"{folder}/modules.zip/encodings")
    sys.modules["__main__"].__file__ = sys.argv[0]
    with open(f"{folder}/homes", "rb") as file:  # noqa: PTH123 - pathlib is not loaded
        sys.meta_path.insert(0, Shelves(folder, loads(file.read())))  # noqa: S302 - as above
    gc.disable()  # imports make no garbage, and looking for it costs a twentieth of them
    module = __import__(PROGRAMS[name], fromlist=["main"])
    gc.enable()
    code: int | None = module.main()
    return code


if __name__ == "__main__":
    sys.exit(begin(sys.argv[1], sys.argv[2], sys.argv[3:]))
