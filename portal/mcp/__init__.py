"""The MCP server: lets assistants work with the portal, as the person whose token they carry.

A process of its own without Django or a database. Each tool asks our REST API with the caller's token, so
that there is one policy, and nothing that the API would not show or do.
"""
