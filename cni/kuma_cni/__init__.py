"""The CNI plugin ``kuma-cni`` and its installer ``kuma-cni-install``.

The plugin captures a pod's traffic when the pod's network is made: in the pod's namespace, by one
netlink transaction, told by the pod's annotations, which the container runtime hands over.  It
asks no API server, needs no token, starts no process and no daemon need run.

Begin with ``spec`` (what a runtime says and wants to hear), ``pod.decide`` (whether a pod is
captured, and how) and ``plugin`` (doing it).
"""
