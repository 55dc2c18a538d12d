"""Sockets, files, time and processes of the resolver: everything that is not a value.

``udp``          clients by UDP; ``datagrams``: many of them a system call
``tcp``          clients by TCP; ``connection`` is one of them
``upstream``     other servers by UDP, ``bursts`` of questions; ``upstream_tcp``: by TCP
``nameservers``  which servers that are
``sources``      when to make the names anew; ``files`` and ``poll`` notice changes
``builder``      makes the table in a process of its own, from what ``reading`` reads there
``listening``    the sockets we answer at; ``systemd``: those it hands over, and what it is told
``privileges``   giving up root's; ``quota``: what we have of the processor
``pages``, ``exposition``  what is served by HTTP
``service``      all of it together while it runs; ``server``: how that begins
"""
