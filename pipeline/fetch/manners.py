"""Manners: how we behave on the net, said once and obeyed by all that speaks to a server."""

from dataclasses import dataclass, replace
from importlib.metadata import version

USER_AGENT = "gauganpipe"
"""The name by which robots.txt files may speak of us."""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What a server is asked for, how often, and how long it is waited for.

    contact: an address at which whoever runs a server may reach us, "" for none.
    connections, per_host: files on their way at once, in all and from one host.
    per_second: requests a host and second, on average; 0 for no limit.
    most_bytes, most_seconds: of one file, after which it is given up.
    silent_seconds: without a byte, after which a connection is given up.
    attempts: of a file or an answer, before what fails for a cause that passes is left to the next run.
    most_wait_seconds: that a server may put us off by Retry-After; longer, and its files are left to the next run.
    obeys_opt_out: robots.txt and X-Robots-Tag are obeyed.
    allow_private: hosts at addresses that are not public are spoken to, for labs and tests.
    """

    contact: str = ""
    connections: int = 16
    per_host: int = 2
    per_second: float = 10
    most_bytes: int = 50_000_000
    most_seconds: float = 120
    silent_seconds: float = 20
    attempts: int = 4
    most_wait_seconds: float = 120
    obeys_opt_out: bool = True
    allow_private: bool = False

    def but(self, **changes: object) -> "Manners":
        """The same manners but for these."""
        return replace(self, **changes)

    @property
    def user_agent(self) -> str:
        """What we call ourselves in every request."""
        said = f"; {self.contact}" if self.contact else ""
        return f"{USER_AGENT}/{version('gauganpipe')} (landscape photos for a GauGAN{said})"


POLITE = Manners()
