"""The command lines: ``init`` is lean, ``main`` is click."""
