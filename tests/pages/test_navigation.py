"""Where the rail becomes tabs, everything else stands in the person's menu: no page is out of reach."""

import re

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["ada", "ben", "cleo", "dan"])
def test_every_entry_of_the_rail_is_a_tab_or_stands_in_the_menu(client, cast, who):
    client.force_login(getattr(cast, who))
    page = client.get("/").content.decode()
    rail = page[page.index('<nav class="rail"') : page.index("</nav>")]
    tabs = set(re.findall(r'class="item" href="([^"]+)"', rail))
    hidden = set(re.findall(r'class="item more" href="([^"]+)"', rail))
    menu = page[page.index('id="person"') :]
    menu = menu[: menu.index('href="/account/"')]
    assert "/reports/" in tabs
    assert hidden == set(re.findall(r'class="menu-item" href="([^"]+)"', menu))
