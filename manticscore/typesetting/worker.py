"""The process behind `documents.pdf`: paths of template and root as arguments, JSON in, PDF out."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path

import typst

from manticscore.typesetting import lastresort

MEMORY = 2 * 1024**3  # bytes of address space


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    template, root = map(Path, sys.argv[1:])
    try:
        sys.stdout.buffer.write(compiled(template, root, sys.stdin.buffer.read().decode()))
    except MemoryError:
        os.abort()  # as typst does


def compiled(template: Path, root: Path, data: str) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        fonts = Path(directory)
        lastresort.write(fonts / "boxes.ttf", lastresort.letters_beyond_latin(data))
        made: bytes = typst.compile(template, root=root, sys_inputs={"data": data}, font_paths=[fonts])
    return made


if __name__ == "__main__":
    main()
