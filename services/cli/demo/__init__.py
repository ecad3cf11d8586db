"""The demo: an invented company with two years of business, sent through the HTTP API.

Nothing here touches the database. What is sent is decided purely (`plan`), and sending it again
adds only what is missing, so a load that was killed goes on where it was.
"""

from services.cli.demo.load import DemoError, seed

__all__ = ["DemoError", "seed"]
