"""The MCP server for Kling: every endpoint a tool that an agent can use safely.

    kling-mcp --sandbox

`kling_mcp.server.build` makes the server for any transport; everything about the endpoints is
derived from their declarations in `kling_core`.
"""
