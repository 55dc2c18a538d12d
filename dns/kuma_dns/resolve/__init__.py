"""What the answer is.  No sockets, no clock: time comes in as a number of seconds.

``authority``  answers from the table, in our zones and for the names we know outside them
``resolver``   the way of a query through all of it
``memo``       the same bytes asked again; ``quick``: common questions, answered in one go
``forward``    all that is not ours, by way of the following
``cache``      what upstream servers said before; ``completion`` what they cannot know
``flights``    questions that are on their way to upstream servers, and ``alarms`` for them
``servers``    resolv.conf: which servers those are
``explain``    the same way, in words
"""
