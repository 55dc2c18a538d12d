"""Finding mesh pods on this node whose namespace lacks the rules, and installing them in place.

``loop``       rounds in time, what is told of them, who has to wait after a failure
``child``      the process that makes a round and is thrown away
``rounds``     one round: every mesh pod is checked, and mended where it must be
``sources``    which pods there are and where: the runtime's socket, the API server with /proc
``processes``  a pod's processes by their control groups
``marks``      whether a pod's rules are the plugin's business; pure
``findings``   what a round says of a pod, as lines; pure
``proof``      that nothing has changed since a pod was looked at
``counts``     what is counted, as metrics
"""
