"""HTTP: the hub between supervisor and viewers, the origin's routes, pages, API and metrics.

Hub <─publish── supervisor       make_app ─> HttpServer.start ─> viewers
 └─ Prepared responses ─> media ─> deliver ─> access ─> sessions
"""

from relay.serve.adminkey import TOKEN_FILE, AdminKey
from relay.serve.app import make_app
from relay.serve.hub import Hub
from relay.serve.runner import HttpServer
from relay.serve.viewing import Viewing

__all__ = ["TOKEN_FILE", "AdminKey", "HttpServer", "Hub", "Viewing", "make_app"]
