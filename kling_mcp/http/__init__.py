"""The server over HTTP: the application, who calls, who issued the token."""
