"""A lake of its own for one test: a fresh catalog schema and data folder on the servers in use."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings

from portal.warehouse import connect
from portal.warehouse.port import StagedTable, Table, Warehouse


@dataclass
class Lake:
    """Where the lake is, and short ways to fill and read it."""

    folder: Path
    schema: str

    def writer(self) -> Warehouse:
        return connect(read_only=False)

    def reader(self) -> Warehouse:
        return connect(read_only=True)

    def ask(self, sql: str, **options: Any) -> Table:
        with self.reader() as warehouse:
            return warehouse.query(sql, **options)

    def stage(self, warehouse: Warehouse, target: str, sql: str) -> StagedTable:
        return warehouse.stage_query(sql, target=target, folder=self.folder / "staging" / uuid.uuid4().hex)

    def publish(self, target: str, sql: str, *, run_id: str = "", fence: int = 1) -> int:
        with self.writer() as warehouse:
            staged = self.stage(warehouse, target, sql)
            return warehouse.publish([staged], run_id=run_id or f"run-{uuid.uuid4()}", fence=fence)

    @property
    def environment(self) -> dict[str, str]:
        """What another process needs to use the same lake."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "LAKE_SCHEMA": self.schema,
            "LAKE_DATA": settings.LAKE_DATA,
            "PYTHONPATH": str(settings.BASE_DIR),
        }


@pytest.fixture
def lake(settings: Any, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake; its catalog schema is dropped afterwards."""
    address = settings.LAKE_URL
    schema = f"lake_{uuid.uuid4().hex[:12]}"
    settings.LAKE_SCHEMA = schema
    settings.LAKE_DATA = str(tmp_path / "lake")
    yield Lake(folder=tmp_path, schema=schema)
    connection = psycopg2.connect(address)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET client_min_messages = warning")
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    finally:
        connection.close()
