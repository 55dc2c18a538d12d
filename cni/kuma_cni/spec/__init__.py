"""The CNI specification as values, 0.1.0 to 1.1.0: requests, results, errors; pure.

``versions``  which versions there are and which verb needs which
``request``   environment and standard input -> ``Request``
``netconf``   the network configuration on the standard input
``result``    results of one version as those of another
``problem``   errors with the codes of the specification
``dispatch``  a request to a plugin's verb, its outcome to exit code and output
"""
