"""`kling quote`: what a request would cost, offline."""

from __future__ import annotations

import argparse

from kling_core.cli import console
from kling_core.commands import arguments, as_json, given_text


def run(argv: list[str], *, sandbox: bool) -> int:  # noqa: ARG001 - prices are those of the service
    """The command; see `kling quote --help`."""
    if argv[:1] in (["-h"], ["--help"]):
        raise arguments.HelpShown(console.endpoint_list("quote", "[options] PROMPT"))
    endpoint, rest = console.take_endpoint("quote", argv, _own_options)
    prog = f"kling quote {endpoint.command}"
    parser = arguments.build(endpoint, prog=prog, extra=_own_options)
    parser.epilog = f"{parser.epilog}\n\n{given_text.EXPLAINED}"
    namespace = arguments.parse(parser, rest)
    request = given_text.request_of(endpoint, namespace, console.say)
    quote = request.quote()
    for warning in request.check().warnings:
        console.say(f"warning: {warning}")
    if namespace.json:
        console.show_json(as_json.quoted(quote))
    elif quote is None:
        console.show("unknown")
        console.say(f"no price is published for this {endpoint.command}")
    else:
        console.show(str(quote))
        console.say(quote.basis)
    return 0


def _own_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the quote as JSON")
