"""The lab: machines in network namespaces, and packets that tell where they landed.

``system``, ``agent``   a process in namespaces of its own that runs functions for its parent
``host``                a machine: such a process with its own /run, /etc and sysctls
``topology``            ``Lab``: application, remote and guest, linked by veth pairs, dual stack
``servers``, ``senders``  who listens, who sends, as which user; ``web``, ``names``: HTTP and DNS
``rows``, ``case``, ``cases*``, ``peers``  packet tables: "who sends what where -> where it lands"
``packets``             the same rows for the simulator
``installing``          install, read and remove inside a host; ``foreign``: others' odd rules
``envoy``               a real Envoy as the sidecar
``daemon``              a program of ours that stays: its log, its pages, its end
``processes``           what runs on this machine, for tests that nothing is left

For the CNI plugin:

``injected``            what injectors write into a pod: annotations of both generations
``attaching``, ``cases_plugin``  called in the test's own process; what pods' packets do then
``cni``, ``users``          called as a program; pods with users of their own
``enclosed``, ``cgroup``    a machine with process numbers and cgroups of its own
``node``                such a one that runs containers
``containerd``, ``podman``  real runtimes on it; ``archive``: an image for them,
                        as a ``docker_archive``
``kubelet``, ``cri``        pods by containerd, as a kubelet makes them
``libcni``, ``attached``    plugins driven without a runtime; ``networks``: lists of them
``inside``, ``pods``        packets of a pod; pods of a mesh, and what becomes of theirs
``bundle``, ``images``        what ships, built when an input has changed: ``cached``
``roots``, ``inside_bundle``  the bundle where there is nothing else; its interpreter from within
``witness``, ``pod_api``    a plugin that writes down what it is asked; an API server

For the resolver:

``resolver``, ``resolved``  kuma-dns on a host, as the sidecar's user; systemd-resolved
``lookups``, ``bursts``     names looked up by the host's C library; very many at once
``resolving``, ``cases_names``  tables of look-ups: "who asks what -> what she gets"
``building``, ``clients/``  the programs that ask
``scenario``, ``spoken``, ``stage``  questions, replies and time, played without a kernel
``dns_server``, ``dns_asking``, ``messages``  kuma-dns alone, asked byte by byte
``hostile*``, ``unbound``   whoever means it ill; whoever must say the same

Everything ends with the process that made it: no namespace has a name, no file outlives one.
Modules for tests without a kernel stand here too.
"""
