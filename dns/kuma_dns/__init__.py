r"""The mesh's resolver: answers names of the mesh at 127.0.0.1:15053 and forwards the rest.

::

    packet -> server.udp ---- resolve.memo: the same bytes were asked before -------> answer
                 |                                                                      ^
                 +--> wire.query --> resolve.resolver --> resolve.authority (table) ----+
                                                     \\-> resolve.cache ----------------+
                                                      \\-> resolve.flights -> upstream -+

``wire``     PURE    RFC 1035 messages as bytes: names, queries, replies, what others replied
``names``    PURE    what the mesh's names are: documents, hosts files, spellings, zones, the table
``resolve``  PURE    what the answer is: authority, memo, cache, flights to upstream servers
``settings`` PURE    flags and environment, or everything that is wrong with them
``server``   EFFECT  sockets, files, time and processes
``cli``      EFFECT  the command ``kuma-dns serve|query|check``
"""
