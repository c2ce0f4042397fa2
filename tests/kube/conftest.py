"""The real API server, for the tests of the client."""

from support.api_server import api_server, connection, kube, namespace, own_api_server

__all__ = ["api_server", "connection", "kube", "namespace", "own_api_server"]
