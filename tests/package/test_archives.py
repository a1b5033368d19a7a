"""What the sdist and the wheel hold, and that the wheel works by itself."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("specs", "handlers", "backends", "swagger")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist of the checkout, and the wheel that is built from that sdist."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("*.tar.gz")), next(target.glob("*.whl"))


def tracked(*folders: str) -> set[str]:
    """The files below the folders that git does not ignore, links left out."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return {name for name in listed if not (ROOT / name).is_symlink()}


class TestSdist:
    def test_holds_every_room_once(self, archives: tuple[Path, Path]) -> None:
        with tarfile.open(archives[0]) as sdist:
            names = [name.partition("/")[2] for name in sdist.getnames()]
        assert len(names) == len(set(names))
        assert {name for name in names if name.startswith((*[f"{room}/" for room in ROOMS], "opsgate/"))} == tracked(
            *ROOMS, "opsgate"
        )

    def test_holds_what_building_needs(self, archives: tuple[Path, Path]) -> None:
        with tarfile.open(archives[0]) as sdist:
            names = {name.partition("/")[2] for name in sdist.getnames()}
        assert {"pyproject.toml", "README.md", "LICENSE"} <= names


class TestWheel:
    def test_is_one_package_with_the_rooms_inside(self, archives: tuple[Path, Path]) -> None:
        with zipfile.ZipFile(archives[1]) as wheel:
            names = {name for name in wheel.namelist() if not name.startswith("opsgate-")}
        assert names == tracked("opsgate") | {f"opsgate/{name}" for name in tracked(*ROOMS)}

    def test_works_without_the_checkout(self, archives: tuple[Path, Path], tmp_path: Path) -> None:
        with zipfile.ZipFile(archives[1]) as wheel:
            wheel.extractall(tmp_path)
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import opsgate.spec, opsgate.apis\n"
            "assert opsgate.__file__.startswith(sys.argv[1]), opsgate.__file__\n"
            "print(*[len(opsgate.spec.operations(opsgate.spec.load(api))) for api in opsgate.apis.APIS])\n"
        )
        command = [sys.executable, "-P", "-c", script, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert all(int(count) > 0 for count in done.stdout.split())
