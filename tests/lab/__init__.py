"""The lab: machines in network namespaces, and packets that tell where they landed.

``system``, ``agent``   a process in namespaces of its own that runs functions for its parent
``host``                a machine: such a process with its own /run, /etc and sysctls
``topology``            ``Lab``: application, remote and guest, linked by veth pairs, dual stack
``servers``, ``senders``  who listens, who sends, as which user
``rows``                tables of packets: "who sends what where -> where it lands"

Everything ends with the process that made it: no namespace has a name, no file outlives one.
"""
