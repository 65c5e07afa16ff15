"""Stand-ins for the providers, which keep what arrives in an inbox.

They verify signatures and tokens, enforce field limits and frequency, and answer with the providers' error
codes, with code of their own: this package knows nothing of ``daemon.channels`` (a signer must not prove
itself). What the real providers do not have is under ``/sandbox/`` (faults to switch on) and in the inbox.
"""

from __future__ import annotations

from daemon.sandbox.faults import FaultKind
from daemon.sandbox.options import Options
from daemon.sandbox.server import Sandbox, serve

__all__ = ["FaultKind", "Options", "Sandbox", "serve"]
