"""``saltloop serve``: the campaign over HTTP."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import click
from saltloop.loop.campaign import STATE_NAME, campaign_folder
from saltloop.loop.commands.options import campaign_argument, quiet_option
from saltloop.loop.errors import CampaignError

MEANING = (
    "Everybody who can reach this machine can then try the token, and whoever can read the network's traffic reads it: "
    "HTTP is not encrypted. Put a proxy that speaks TLS before it instead (docs/server.md), and keep the server on "
    "127.0.0.1."
)


@click.command()
@campaign_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 for any that is free.")
@click.option("--expose", is_flag=True, help="Needed for a --host beyond this machine. " + MEANING)
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False),
    help="A file (mode 0600) with the token.  [default: server.token in the campaign's folder, made on first start; "
    "the variable SALTLOOP_TOKEN comes before both]",
)  # fmt: skip
@click.option("--max-mb", type=click.FloatRange(0.001, 100), default=10, show_default=True, help="Of a request's body.")
@click.option(
    "--rate", type=click.FloatRange(0.1), default=1000, show_default=True, help="Requests a second of one address."
)
@click.option("--no-drain", is_flag=True, help="Leave what is received for 'saltloop run', also while none works.")
@quiet_option
def serve(
    campaign: Path,
    host: str,
    port: int,
    expose: bool,
    token_file: Path | None,
    max_mb: float,
    rate: float,
    no_drain: bool,
    quiet: bool,
) -> None:
    """Serve a CAMPAIGN that has been started: candidates to robots, results from them, and the dashboard.

    Works beside 'saltloop run --watch', which takes in what is received; while none works, the server has it taken in
    itself. Every call needs the token.
    """
    if not _is_loopback(host) and not expose:
        raise click.UsageError(f"--host {host} is beyond this machine and needs --expose. {MEANING}")
    try:
        import uvicorn
        from saltloop.loop.server.app import create_app
    except ImportError as error:
        raise CampaignError(f"The server needs {error.name}: pip install 'saltloop[serve]'.") from None
    from saltloop.loop.server.guard import Limits
    from saltloop.loop.server.token import token_of
    from saltloop.loop.settings import load_campaign_file

    folder = campaign_folder(campaign)
    if not (folder / STATE_NAME).exists():
        raise CampaignError(f"The campaign in {folder} has not been started; 'saltloop run {campaign}' does.")
    token, where = token_of(folder, token_file)

    def say(text: str) -> None:
        if not quiet:
            click.echo("".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text), err=True)

    limits = Limits(max_bytes=int(max_mb * 1e6), rate=rate)
    lab = None if campaign.is_dir() else load_campaign_file(campaign).lab
    app = create_app(folder, token=token, limits=limits, lab=lab, drains=not no_drain, say=say)
    with _listening(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listening.getsockname()[1]}/"
        click.echo(f"Dashboard and API of '{folder.name}': {url}  (Ctrl-C ends it)")
        click.echo(f"Token ({where}): {token}" if where.endswith("made now") else f"Token: in {where}")
        if not _is_loopback(host):
            click.echo(f"Beyond this machine: {MEANING}", err=True)
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
            limit_concurrency=1000,
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        remedy = "Choose another --port, or end the server that is there."
        raise CampaignError(f"The server cannot listen on {host}, port {port}: {error.strerror}. {remedy}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
