"""What can be set: flags and variables, what they may hold, what they say together.

``grammar``  how single values are written
``options``  every option, once
``load``     flags and environment to ``Settings``, or everything that is wrong with them
"""
