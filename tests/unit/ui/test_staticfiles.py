"""Many files are written, one is served."""

import re

from django.core.files.storage import FileSystemStorage, storages

from portal.configuration import ROOT
from portal.ui.staticfiles import BUNDLES, BundlingStorage, _Joined

STATIC = ROOT / "portal" / "static"


def joined(name):
    return _Joined(FileSystemStorage(STATIC)).open(name).read().decode()


def test_a_bundle_holds_each_of_its_folders_files_and_asks_for_no_other():
    for name in BUNDLES:
        whole = joined(name)
        assert not re.search(r"^\s*(@import|import)\b", whole, re.MULTILINE)
        folder = (STATIC / name).parent
        for part in folder.rglob(f"*{(STATIC / name).suffix}"):
            if part != STATIC / name:
                assert part.read_text() in whole, f"{part.name} is not in {name}"


def test_the_layers_are_named_before_any_is_used():
    css = joined("css/desk.css")
    assert css.index("@layer tokens, base, layout, components, utilities;") < css.index("@layer tokens {")


def test_scripts_do_not_share_their_names():
    script = joined("js/desk.js")
    assert script.count("\n{\n") == len(
        re.findall(r"^import", (STATIC / "js/desk.js").read_text(), re.MULTILINE)
    )


def test_files_keep_their_names_until_they_are_collected():
    assert isinstance(storages["staticfiles"], BundlingStorage)
    fresh = BundlingStorage(location="/nonexistent", base_url="/static/")
    assert fresh.stored_name("css/desk.css") == "css/desk.css"
