"""The MCP server for Kling: the name is kept here, the server itself comes in a later release."""
