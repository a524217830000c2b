"""The version of this distribution."""

VERSION = "0.3.0"
