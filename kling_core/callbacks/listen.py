"""Why nobody can listen at an address, said before a server is started there."""

from __future__ import annotations

import contextlib
import errno
import os
import socket

__all__ = ["must_be_free"]


def must_be_free(host: str, port: int) -> None:
    """Raise `OSError`, its `strerror` in plain words, when nobody can listen at this address."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in found:
            with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
                if os.name == "posix":  # elsewhere it would let two programs share the port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except OSError as error:
        raise OSError(error.errno, _words(error, host, port)) from error


def _words(error: OSError, host: str, port: int) -> str:
    """What kept a server from listening, in plain words."""
    if isinstance(error, socket.gaierror):
        return f"there is no address of the name {host}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken by another program"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine"
        case errno.EACCES | errno.EPERM:
            return f"port {port} needs rights that this user does not have"
        case number:
            return os.strerror(number).lower() if number else str(error)
