"""Bytes of DNS messages (RFC 1035), both ways.  Whatever reads here does so in linear time.

``message``   the numbers: types, classes, response codes, and their names
``name``      domain names, as text and as bytes
``query``     a query that came from anybody, looked at once, with no pointer followed
``frames``    messages in a stream, each behind its length
``reply``     the bytes of our own replies
``response``  a message that an upstream server sent: checked, measured, aged
``records``   where records and names lie in it
"""
