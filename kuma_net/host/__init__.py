"""The machine: sockets, namespaces, accounts, files, processes; the effects.

Begin with ``probe``.
"""
