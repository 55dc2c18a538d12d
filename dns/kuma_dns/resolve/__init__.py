"""What the answer is.  No sockets, no clock: time comes in as a number of seconds.

``authority``  answers from the table, in our zones and for the names we know outside them
``resolver``   the way of a query through all of it
``memo``       the same bytes asked again
``cache``      what upstream servers said before; ``completion`` what they cannot know
``flights``    questions that are on their way to upstream servers
``explain``    the same way, in words
"""
