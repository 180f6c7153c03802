"""Installed packages that name modules with pipelines: which may, and what keeps one from being loaded."""

import importlib
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Final

from portal.configuration import package_name
from portal.said import said

# The group of entry points by which packages name these modules.
ENTRY_POINTS: Final = "data_desk.pipelines"
LONGEST: Final = 300


class Packages:
    """The installed packages of the group, of which only those in ``allowed`` are loaded (None: all)."""

    def __init__(self, allowed: frozenset[str] | None) -> None:
        self._allowed = allowed
        self._failed: dict[str, str] = {}
        self._modules: dict[str, list[str]] = {}
        for found in metadata.distributions():
            self._read(found)

    def load(self, *, forget: Callable[[Callable[[str], bool]], None]) -> None:
        """Import the modules, whatever one of them does.

        ``forget`` is called after one that broke, with what says of a module if it is loaded.
        """
        for name, modules in sorted(self._modules.items()):
            if not self._may(name):
                continue
            for module in modules:
                try:
                    importlib.import_module(module)
                except (Exception, SystemExit) as error:
                    self._failed[name] = _words(error)
                    forget(sys.modules.__contains__)

    def broken(self) -> list[str]:
        """Return a sentence for each package that is not as the operator wants it."""
        sentences: list[str] = [
            said("The package %(package)s cannot be loaded: %(error)s", package=name, error=error)
            for name, error in sorted(self._failed.items())
            if self._may(name)
        ]
        missing = (self._allowed or frozenset()) - set(self._modules) - set(self._failed)
        sentences += [
            said(
                "PIPELINE_PACKAGES names %(package)s: no installed package of this name has pipelines.",
                package=name,
            )
            for name in sorted(missing)
        ]
        return sentences

    def left_out(self) -> list[str]:
        """Return a sentence for each package that has pipelines and may not bring them."""
        return [
            said("PIPELINE_PACKAGES leaves the package %(package)s out.", package=name)
            for name in sorted(self._modules)
            if not self._may(name)
        ]

    def name_of(self, module: str) -> str:
        """Return the package that brings a module, by its top name; the module's own name if none."""
        top = module.partition(".")[0]
        named = [
            name for name, each in self._modules.items() if top in {one.partition(".")[0] for one in each}
        ]
        return f"{named[0]} ({module})" if named else module

    def _may(self, name: str) -> bool:
        return self._allowed is None or name in self._allowed

    def _read(self, found: metadata.Distribution) -> None:
        try:
            if ENTRY_POINTS not in (found.read_text("entry_points.txt") or ""):
                return
        except ValueError:
            # Not even text: nobody knows what it names.
            return
        name = package_name(_name(found))
        try:
            modules = [entry.module for entry in found.entry_points if entry.group == ENTRY_POINTS]
        except Exception as error:
            self._failed[name] = _words(error)
        else:
            # Of two folders with the same package Python imports from the first.
            self._modules.setdefault(name, modules)


def _name(found: metadata.Distribution) -> str:
    try:
        return found.metadata["Name"] or "?"
    except Exception:
        # Half an installation.
        return "?"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST]
