"""The command that runs the service."""

from __future__ import annotations

from typing import Annotated

import typer

from impasto.cli import streams
from impasto.cli.options import Config, Home


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(serve)


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. [default: 127.0.0.1]", metavar="HOST"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on; 0 takes a free one. [default: 8710]",
            min=0,
            max=65535,
            metavar="PORT",
        ),
    ] = None,
    no_watch: Annotated[
        bool, typer.Option("--no-watch", help="Do not run the rules and submitted jobs.")
    ] = False,
    tls_cert: Annotated[
        str | None, typer.Option(help="Certificate chain, in PEM, for HTTPS.", metavar="FILE")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(help="The certificate's key, in PEM.", metavar="FILE")
    ] = None,
    home: Home = None,
    config: Config = None,
) -> None:
    """Serve an API and a page over the jobs of a home, and run the rules too."""
    from impasto.cli.serving import run

    streams.act()
    run(
        home,
        config,
        host=host,
        port=port,
        watch=False if no_watch else None,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
