"""Secrets go to the hosts that are named for them; those that are stored already go on to where jobs send them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import django.contrib.postgres.fields
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_hosts(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Name for each secret the hosts that the configurations of today send it to."""
    found: dict[str, set[str]] = {}
    for config in apps.get_model("jobs", "Job").objects.values_list("config", flat=True):
        for name, host in _sent(config):
            found.setdefault(name, set()).add(host)
    for secret in apps.get_model("jobs", "Secret").objects.filter(name__in=found):
        secret.hosts = sorted(found[secret.name])
        secret.save(update_fields=["hosts"])


def _sent(value: Any, host: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        places = [each for each in (value.get("host"), value.get("url")) if isinstance(each, str) and each]
        host = _host_of(places[0]) if places else host
        name = value.get("secret")
        if isinstance(name, str) and name and host:
            yield name, host
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inside:
        yield from _sent(each, host)


def _host_of(place: str) -> str:
    try:
        host = urlsplit(place).hostname or "" if "://" in place else place
    except ValueError:
        host = ""
    return host.strip().lower().rstrip(".")


class Migration(migrations.Migration):
    """Add the hosts of secrets."""

    dependencies = [("jobs", "0017_error_settings")]

    operations = [
        migrations.AddField(
            model_name="secret",
            name="hosts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=253), blank=True, db_default=[], default=list, size=None
            ),
        ),
        migrations.RunPython(name_hosts, migrations.RunPython.noop),
    ]
