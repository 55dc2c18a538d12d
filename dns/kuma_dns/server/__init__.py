"""Sockets, files, time and processes of the resolver: everything that is not a value.

``loop``       waits for readiness, timers and signals, and calls whoever asked for them
``udp``        many datagrams a system call, answered where they lie
``tcp``        connections of clients
``upstream``   sockets to upstream servers
``listening``  the sockets we listen on: our own, or systemd's; ``privileges``: giving up root's
``builder``    makes the table in a process of its own; ``sources``: when to make it anew
``http``       /metrics, /ready, /names; ``log``: one line of JSON for each thing worth saying
``server``     all of it together
"""
