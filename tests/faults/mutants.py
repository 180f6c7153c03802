"""Take each defence away and expect its test to turn red: ``python -m tests.faults.mutants [id…]``."""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "var", "build", "__pycache__", ".mypy_cache", ".ruff_cache"
)


def apply(mutant: dict[str, Any], tree: Path) -> None:
    """Patch the copy; a text that is not there once means that the mutant has gone stale."""
    patches = [(mutant["file"], mutant["old"], mutant["new"]), *mutant.get("also", [])]
    for name, old, new in patches:
        path = tree / name
        text = path.read_text()
        if text.count(old) != 1:
            message = f"{mutant['id']}: {name} does not hold {old!r} exactly once"
            raise SystemExit(message)
        path.write_text(text.replace(old, new))


def survives(mutant: dict[str, Any]) -> bool:
    """Return whether the test stays green without its defence."""
    with tempfile.TemporaryDirectory(prefix="desk-mutant-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
        apply(mutant, tree)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant["test"]]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    # 1 means that tests failed; anything else (no tests, a usage error) proves nothing.
    if done.returncode not in (0, 1):
        message = f"{mutant['id']}: pytest answered {done.returncode}\n{done.stdout[-2000:]}"
        raise SystemExit(message)
    return done.returncode == 0


def main() -> None:
    """Print what each mutant did; exit 1 if one survived."""
    mutants = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())["mutant"]
    wanted = sys.argv[1:]
    survivors = []
    for mutant in mutants:
        if wanted and mutant["id"] not in wanted:
            continue
        alive = survives(mutant)
        survivors += [mutant["id"]] * alive
        sys.stdout.write(f"{'SURVIVED' if alive else 'red':9} {mutant['id']}: {mutant['why']}\n")
        sys.stdout.flush()
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
