"""The command ``kuma-dns``: ``serve``, ``query`` and ``check``."""
