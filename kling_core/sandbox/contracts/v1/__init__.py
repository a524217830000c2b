"""The wire contracts of `/v1`, written from the fact files."""
