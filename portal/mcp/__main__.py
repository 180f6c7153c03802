"""Run the MCP server: ``python -m portal.mcp``, on MCP_PORT or the socket that its starter opened."""

import os
import sys

import uvicorn
from setproctitle import setproctitle

from portal import configuration as conf
from portal.launch.handed import MCP_LISTEN
from portal.mcp.server import application


def main() -> None:
    """Serve until SIGTERM."""
    setproctitle("data-desk-mcp")
    host, port = conf.text("HOST", "127.0.0.1"), conf.integer("PORT", 8000, least=1, most=65535)
    inside = conf.text("DESK_URL", f"http://127.0.0.1:{port}")
    public = conf.text("PUBLIC_URL", f"http://{host}:{port}")
    app = application(
        inside=inside,
        public=public,
        hosts=conf.text("MCP_HOSTS", conf.text("ALLOWED_HOSTS", "127.0.0.1,localhost")).split(","),
    )
    descriptor = os.environ.get(MCP_LISTEN)
    uvicorn.run(
        app,
        host=host,
        port=conf.integer("MCP_PORT", port + 1, most=65535),
        fd=int(descriptor) if descriptor else None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    try:
        main()
    except conf.ConfigurationError as error:
        sys.exit(f"data-desk: {error}")
