"""Putting the plugin onto a node and keeping it there.

``settings``    the environment, Kuma's and ours, to ``Settings``
``files``       atomic changes of folders that others use too
``binaries``    the plugin's executable, replaced while it is being used
``kubeconfig``  how the plugin reaches the API server where it has to
``place``       all of it together: what is there, install it, take it away
``watch``       noticing that any of it has changed
``keeper``      waiting for the primary network, coming back after being undone
``listening``   the socket that plugins send their log lines to
``counts``, ``pages``  metrics, readiness
``repairing``   looking after pods that run already
``service``     all of these on one loop
"""
