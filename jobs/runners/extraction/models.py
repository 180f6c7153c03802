"""How a job's configuration describes a database or an HTTP API as its source."""

import ssl
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jobs.runners.extraction.statements import RefusedStatement, parsed
from jobs.runners.http import HttpHeader
from portal.outgoing import Mistyped, check_url
from portal.said import said, said_of

PARTITION = "{partition}"
_ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
# The form folds these away, and asks in the order in which people know the answers.
_APART: Final[dict[str, Any]] = {"fold": gettext_noop("Encryption and time limit")}
_ORDER: Final[dict[str, Any]] = {
    "x-order": ["host", "port", "database", "user", "secret", "table", "columns", "sql", "ca", "patience"]
}
_PARAMETER = r"^[A-Za-z0-9_.\[\]-]{1,100}$"


class Database(BaseModel):
    """What the sources that are databases have in common."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$",
        title=gettext_noop("Host"),
        description=gettext_noop(
            "A host that is not public must be named, with its port, in OUTGOING_ALLOW; any other needs TLS."
        ),
        examples=["db.example.com"],
    )
    database: str = Field(min_length=1, max_length=128, title=gettext_noop("Database"))
    user: str = Field(
        min_length=1,
        max_length=128,
        title=gettext_noop("User"),
        description=gettext_noop("An account that may read only what is loaded."),
    )
    secret: str = Field(
        min_length=1,
        max_length=100,
        title=gettext_noop("Secret with the password"),
        description=gettext_noop("The secret's name, never the password itself."),
        json_schema_extra={"widget": "secret"},
    )
    ca: str = Field(
        default="",
        max_length=100_000,
        title=gettext_noop("Certificate of the authority"),
        description=gettext_noop(
            "In PEM: of whoever signed the database's certificate. With it the connection is encrypted and "
            "the host verified, one of OUTGOING_ALLOW too. Without it a public authority must have signed; "
            "a host of OUTGOING_ALLOW is then not verified."
        ),
        json_schema_extra={"widget": "text", **_APART},
    )
    table: str = Field(
        default="",
        pattern=r"^([^.\x00-\x1f]{1,64}(\.[^.\x00-\x1f]{1,64})?)?$",
        title=gettext_noop("Table"),
        description=gettext_noop("As table or schema.table. In the mode «partition» only its rows are read."),
        examples=["public.orders"],
    )
    columns: list[_ColumnName] = Field(
        default=[],
        max_length=1000,
        title=gettext_noop("Columns of the table"),
        description=gettext_noop("Which ones to read; without any, all."),
    )
    sql: str = Field(
        default="",
        max_length=100_000,
        title=gettext_noop("SELECT"),
        description=gettext_noop(
            "In the place of a table: one SELECT in the database's own SQL. :partition stands for the run's "
            "partition."
        ),
        json_schema_extra={"widget": "sql"},
    )
    patience: int = Field(
        default=600,
        ge=1,
        le=21_600,
        title=gettext_noop("Time limit of the SELECT"),
        description=gettext_noop("Seconds after which the database stops it."),
        json_schema_extra=_APART,
    )

    @field_validator("ca")
    @classmethod
    def _is_a_certificate(cls, ca: str) -> str:
        if "PRIVATE KEY" in ca:
            raise ValueError(said("this holds a private key: only certificates belong here"))
        try:
            if ca.strip():
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            message = said("this is no certificate in PEM (-----BEGIN CERTIFICATE-----)")
            raise ValueError(message) from error
        return ca.strip()

    @model_validator(mode="after")
    def _reads_one_thing(self) -> Self:
        if bool(self.table) == bool(self.sql.strip()):
            raise ValueError("table: " + said("name a table or write a SELECT, one of the two"))
        if self.columns and not self.table:
            raise ValueError("columns: " + said("a SELECT names its own columns"))
        if self.sql.strip():
            try:
                parsed(self.sql, dialect=self.dialect)
            except RefusedStatement as error:
                message = f"sql: {error}"
                raise ValueError(message) from error
        return self

    @property
    def dialect(self) -> str:
        """What sqlglot calls the database's SQL."""
        raise NotImplementedError

    @property
    def place(self) -> str:
        """Where the rows stand, for messages and the catalog; without the user."""
        return f"{self.host}/{self.database}/{self.table or 'SELECT'}"


class PostgreSql(Database):
    """A table or a SELECT of a PostgreSQL database."""

    model_config = ConfigDict(title="PostgreSQL", json_schema_extra=_ORDER)

    type: Literal["postgresql"] = Field(title=gettext_noop("Source"))
    port: int = Field(default=5432, ge=1, le=65_535, title=gettext_noop("Port"))

    @property
    def dialect(self) -> str:
        """PostgreSQL's."""
        return "postgres"


class MySql(Database):
    """A table or a SELECT of a MySQL or MariaDB database."""

    model_config = ConfigDict(title=gettext_noop("MySQL or MariaDB"), json_schema_extra=_ORDER)

    type: Literal["mysql"] = Field(title=gettext_noop("Source"))
    port: int = Field(default=3306, ge=1, le=65_535, title=gettext_noop("Port"))

    @property
    def dialect(self) -> str:
        """MySQL's, which is MariaDB's too."""
        return "mysql"


class OnePage(BaseModel):
    """All records come in one answer."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["none"] = "none"


class PageNumbers(BaseModel):
    """Pages are asked for by their number, until one brings no records."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["page"]
    parameter: str = Field(
        default="page", pattern=_PARAMETER, title=gettext_noop("Parameter"), examples=["page"]
    )
    first: int = Field(default=1, ge=0, le=1, title=gettext_noop("Number of the first page"))


class Offsets(BaseModel):
    """Pages are asked for by how many records come before them, until one brings none."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["offset"]
    parameter: str = Field(
        default="offset", pattern=_PARAMETER, title=gettext_noop("Parameter"), examples=["offset"]
    )
    limit_parameter: str = Field(
        default="limit",
        pattern=_PARAMETER,
        title=gettext_noop("Parameter of the page's size"),
        examples=["limit"],
    )
    limit: int = Field(default=100, ge=1, le=100_000, title=gettext_noop("Records a page"))


_MAY_BE_MISSING: Final[Any] = Field(
    default=False,
    title=gettext_noop("May be missing"),
    description=gettext_noop("The last page leaves it out; else a first page without it fails the run."),
)


class Cursor(BaseModel):
    """Each answer holds a mark that asks for the next page; the last one holds none."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["cursor"]
    parameter: str = Field(
        default="cursor", pattern=_PARAMETER, title=gettext_noop("Parameter"), examples=["cursor"]
    )
    path: str = Field(
        min_length=1,
        max_length=500,
        title=gettext_noop("Path to the mark"),
        description=gettext_noop("Names in the answer's JSON, joined by dots."),
        examples=["meta.next_cursor"],
    )
    may_be_missing: bool = _MAY_BE_MISSING


class NextUrl(BaseModel):
    """Each answer holds the address of the next page, on the same host; the last one holds none."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["next_url"]
    path: str = Field(
        default="",
        max_length=500,
        title=gettext_noop("Path to the address"),
        description=gettext_noop(
            "Names in the answer's JSON, joined by dots; empty: the header Link with rel=next."
        ),
        examples=["links.next"],
    )
    may_be_missing: bool = _MAY_BE_MISSING


Paging = Annotated[
    OnePage | PageNumbers | Offsets | Cursor | NextUrl,
    Field(discriminator="type"),
]


class HttpApi(BaseModel):
    """Records that an HTTP API answers as JSON, page by page."""

    model_config = ConfigDict(extra="forbid", title=gettext_noop("HTTP API"))

    type: Literal["http"] = Field(title=gettext_noop("Source"))
    url: str = Field(
        title=gettext_noop("Address"),
        description=gettext_noop("Of the first page. {partition} stands for the run's partition."),
        examples=["https://api.example.com/orders"],
    )
    headers: list[HttpHeader] = Field(default=[], max_length=30, title=gettext_noop("Headers"))
    records: str = Field(
        default="",
        max_length=500,
        title=gettext_noop("Path to the records"),
        description=gettext_noop(
            "Names in the answer's JSON, joined by dots; empty: the answer itself is the list."
        ),
        examples=["data.items"],
    )
    paging: Paging = Field(default=OnePage(), title=gettext_noop("Paging"))
    most_pages: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        title=gettext_noop("Most pages"),
        description=gettext_noop("More than these fail the run."),
        json_schema_extra={"fold": gettext_noop("Limits")},
    )
    patience: int = Field(
        default=30,
        ge=1,
        le=300,
        title=gettext_noop("Time limit of a page"),
        description=gettext_noop("Seconds."),
        json_schema_extra={"fold": gettext_noop("Limits")},
    )

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        if PARTITION in urlsplit(url).netloc:
            raise ValueError(said("the host is written out: no partition may choose where a secret goes"))
        try:
            check_url(url.replace(PARTITION, "x"))
        except Mistyped as error:
            raise ValueError(said_of(error)) from None
        return url

    @property
    def place(self) -> str:
        """Where the records stand, for messages and the catalog; without the query, which may hold a key."""
        return self.url.split("://", maxsplit=1)[-1].split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]


External = PostgreSql | MySql | HttpApi


def tagged(config: Any) -> Any:
    """Return a configuration whose source says its type: one without a type is one of files."""
    source = config.get("source") if isinstance(config, dict) else None
    if not isinstance(source, dict) or "type" in source:
        return config
    return {**config, "source": {"type": "files", **source}}
