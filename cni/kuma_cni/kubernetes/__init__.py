"""The Kubernetes API, as little of it as we need, for where no annotations are handed over.

``kubeconfig``  a file's text -> where the server is and how it knows us
``transport``   one request over a connection whose every wait ends
``api``         asking for pods: retries, bounds, what an answer must be
``fetch``       a pod for the plugin's decision
"""
