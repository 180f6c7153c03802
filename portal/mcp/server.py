"""The ASGI application: who may speak, and the tools behind it."""

from typing import Final
from urllib.parse import urlsplit

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.mcp import tools
from portal.mcp.desk import Away, Desk, token

MOST_BYTES: Final = 256 * 1024
INSTRUCTIONS: Final = (
    "Data Desk is a company's catalog of datasets and metrics, its queue of data questions and its job "
    "runner. Search the catalog before you cite a number, and name the metric or dataset. Look whether a "
    "question was answered before you draft one. Running a job has effects: say what it will do first."
)


class Gate:
    """Let only live tokens through, and remember whose call it is."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 without a live token, 503 while the portal is away."""
        if scope["type"] != "http":
            # The lifespan: it comes back when the server ends.
            await self._app(scope, receive, send)
            await self._desk.close()
            return
        if scope["path"] == "/livez":
            await JSONResponse({"status": "ok"})(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        scheme, _blank, secret = given.partition(" ")
        secret = secret.strip()
        try:
            welcome = scheme.lower() == "bearer" and await self._desk.opens(secret)
        except Away:
            headers = {"Retry-After": "5"}
            refusal = JSONResponse({"error": "Data Desk does not answer."}, 503, headers=headers)
            await refusal(scope, receive, send)
            return
        if not welcome:
            headers = {"WWW-Authenticate": 'Bearer realm="Data Desk"'}
            words = "Send an API token of Data Desk as «Authorization: Bearer ddesk_…»."
            await JSONResponse({"error": words}, 401, headers=headers)(scope, receive, send)
            return
        whose = token.set(secret)
        try:
            await self._app(scope, receive, send)
        finally:
            token.reset(whose)


def application(*, inside: str, public: str, hosts: list[str]) -> ASGIApp:
    """Return the server for a portal that answers at ``inside``; ``hosts`` are the names it is called by."""
    desk = Desk(inside, public)
    server: MCPServer[None] = MCPServer(
        "data-desk",
        title="Data Desk",
        # That of the API whose rules it follows.
        version="1",
        instructions=INSTRUCTIONS,
        website_url=public,
        log_level="WARNING",
    )
    tools.register(server, desk)
    # A web page must not reach it through a name that points here (DNS rebinding); programs send no Origin.
    named = [urlsplit(f"//{host}").hostname or host for host in hosts]
    security = TransportSecuritySettings(
        allowed_hosts=[form for name in named for form in (name, f"{name}:*")], allowed_origins=[public]
    )
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=MOST_BYTES,
        transport_security=security,
    )
    return Gate(app, desk)
