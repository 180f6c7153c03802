"""Names of the environment variables by which what starts the programs hands them their open ports."""

# gunicorn.py and portal.mcp read them.
LISTEN = "DESK_LISTEN"
MCP_LISTEN = "MCP_LISTEN"
# Whether it is `make dev`, which reloads what has changed.
RELOAD = "DESK_RELOAD"
