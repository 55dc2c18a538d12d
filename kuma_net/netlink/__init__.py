"""Bytes of netlink messages, both ways: pure functions, no socket.

Begin with ``message``.
"""
