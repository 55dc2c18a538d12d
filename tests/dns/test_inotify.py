"""Files that change, in all the ways in which they do."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net.host.inotify import MOST_LINKS, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Folder:
    """A folder with a watched file in it."""

    def __init__(self, path: Path) -> None:
        """Begin with a file ``config/names.json``."""
        self.root = path
        self.folder = path / "config"
        self.file = self.folder / "names.json"
        self.folder.mkdir()
        self.file.write_text("1")
        self.watch: Watch | None = None

    def start(self, *paths: Path) -> Watch:
        """Watch the file (or others)."""
        self.watch = Watch([str(path) for path in paths or (self.file,)])
        return self.watch


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    if made.watch is not None:
        made.watch.close()
        made.watch.close()  # twice does no harm


def heard(watch: Watch, seconds: float = 5.0) -> set[str]:
    """Return what has changed, as soon as something has; nothing if nothing does."""
    found: set[str] = set()
    while not found and select.select([watch], [], [], seconds)[0]:
        found.update(watch.changed())
    return found


def test_a_path_with_a_slash_at_its_end_is_all_that_is_in_a_folder(folder: Folder) -> None:
    path = f"{folder.folder}/"
    folder.watch = watch = Watch([path, str(folder.file)])
    (folder.folder / "new").write_text("1")
    assert heard(watch) == {path}
    folder.file.write_text("2")
    assert heard(watch) == {path, str(folder.file)}
    (folder.folder / "new").unlink()
    assert heard(watch) == {path}
    (folder.root / "beside").write_text("1")
    assert heard(watch, 0.05) == set()


def write_in_place(one: Folder) -> None:
    one.file.write_text("2")


def rename_over(one: Folder) -> None:
    (one.folder / "new").write_text("2")
    (one.folder / "new").rename(one.file)


def delete(one: Folder) -> None:
    one.file.unlink()


def change_permissions(one: Folder) -> None:
    one.file.chmod(0o600)


def move_the_folder_away(one: Folder) -> None:
    one.folder.rename(one.root / "elsewhere")


def write_through_another_name(one: Folder) -> None:
    (one.root / "other-name").hardlink_to(one.file)
    (one.root / "other-name").write_text("2")


@pytest.mark.parametrize(
    "change",
    [
        *(write_in_place, rename_over, delete, change_permissions),
        *(move_the_folder_away, write_through_another_name),
    ],
)
def test_every_way_of_changing_a_file_is_noticed(
    folder: Folder, change: Callable[[Folder], None]
) -> None:
    watch = folder.start()
    assert watch.complete
    assert watch.changed() == ()
    change(folder)
    assert heard(watch) == {str(folder.file)}


def test_a_file_is_noticed_again_and_again(folder: Folder) -> None:
    watch = folder.start()
    for change in (rename_over, delete, write_in_place, rename_over, write_in_place):
        change(folder)
        assert heard(watch) == {str(folder.file)}
        while watch.changed():
            pass
    assert watch.changed() == ()


def test_other_files_of_the_folder_are_none_of_ours(folder: Folder) -> None:
    watch = folder.start()
    (folder.folder / "other").write_text("x")
    (folder.folder / "other").unlink()
    assert heard(watch, 0.2) == set()


def test_what_is_not_there_yet_is_noticed_when_it_comes(folder: Folder) -> None:
    path = folder.root / "later" / "deep" / "names.json"
    watch = folder.start(path)
    (folder.root / "later").mkdir()
    assert heard(watch) == {str(path)}
    (folder.root / "later" / "deep").mkdir()
    assert heard(watch) == {str(path)}
    path.write_text("1")
    assert heard(watch) == {str(path)}


def test_a_folder_that_comes_with_its_file_is_noticed(folder: Folder) -> None:
    path = folder.root / "later" / "names.json"
    watch = folder.start(path)
    folder.folder.rename(folder.root / "later")
    assert heard(watch) == {str(path)}
    path.write_text("2")
    assert heard(watch) == {str(path)}


def test_a_volume_that_kubernetes_swaps_is_noticed(folder: Folder) -> None:
    volume = folder.root / "volume"
    (volume / "..1").mkdir(parents=True)
    (volume / "..1" / "names.json").write_text("1")
    (volume / "..data").symlink_to("..1")
    (volume / "names.json").symlink_to("..data/names.json")
    watch = folder.start(volume / "names.json")
    for number in (2, 3):
        (volume / f"..{number}").mkdir()
        (volume / f"..{number}" / "names.json").write_text(str(number))
        (volume / "..data_tmp").symlink_to(f"..{number}")
        (volume / "..data_tmp").rename(volume / "..data")
        assert heard(watch) == {str(volume / "names.json")}
        assert (volume / "names.json").read_text() == str(number)
        while watch.changed():
            pass
    (volume / "..3" / "names.json").write_text("in place")
    assert heard(watch) == {str(volume / "names.json")}


def test_links_out_of_the_folder_and_relative_paths_are_followed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.root / "links").mkdir()
    (folder.root / "links" / "one").symlink_to("../config/./names.json")
    (folder.root / "links" / "two").symlink_to(folder.root / "links" / "one")
    monkeypatch.chdir(folder.root / "links")
    watch = folder.start(Path("two"))
    folder.file.write_text("2")
    assert heard(watch) == {"two"}


def test_links_that_go_round_in_a_circle_end(folder: Folder) -> None:
    for number in range(MOST_LINKS + 2):
        (folder.root / f"link{number}").symlink_to(f"link{(number + 1) % (MOST_LINKS + 2)}")
    watch = folder.start(folder.root / "link0")
    (folder.root / "link1").unlink()
    assert heard(watch) == {str(folder.root / "link0")}


def test_each_of_several_files_is_told_by_its_own_path(folder: Folder) -> None:
    other = folder.folder / "other"
    watch = folder.start(folder.file, other)
    other.write_text("x")
    assert heard(watch) == {str(other)}
    rename_over(folder)
    while str(folder.file) not in heard(watch):
        pass


def test_a_flood_of_events_that_loses_some_means_that_all_may_have_changed(
    folder: Folder,
) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    other = folder.root / "quiet"
    other.write_text("x")
    watch = folder.start(folder.file, other)
    one, two = folder.folder / "a", folder.folder / "b"
    one.write_text("x")
    for _ in range(most // 2 + 1):
        one.rename(two)
        one, two = two, one
    everything: set[str] = set()
    while select.select([watch], [], [], 0)[0]:
        everything.update(watch.changed())
    assert str(other) in everything


def test_a_folder_that_may_not_be_read_is_told(folder: Folder) -> None:
    folder.folder.chmod(0o711)
    child = os.fork()
    if child == 0:
        try:
            for above in (folder.root, *folder.root.parents):
                if str(above).startswith("/tmp/"):  # pytest's own folders are closed to others
                    above.chmod(0o755)
            os.setuid(65534)
            watch = Watch([str(folder.file)])
            os._exit(0 if not watch.complete else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_a_user_without_instances_left_gets_an_error(folder: Folder) -> None:
    watches: list[Watch] = []
    with pytest.raises(OSError, match="Too many open files"):
        use_all_instances(watches, str(folder.file))
    for watch in watches:
        watch.close()


def use_all_instances(watches: list[Watch], path: str) -> None:
    while len(watches) < 10_000:
        watches.append(Watch([path]))
