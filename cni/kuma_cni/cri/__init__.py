"""The container runtime's socket (CRI v1, gRPC): which pods run here, and where they are.

``protobuf``  fields of messages as bytes, both ways; pure
``grpc``      one call after another over a unix socket
``places``    where runtimes put their sockets
``runtime``   the two calls we need, and what runtimes say in them
"""
