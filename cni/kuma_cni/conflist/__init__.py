"""Network configuration files: which one counts, with our plugin in it and without; pure.

``network``  one file as a container runtime reads it
``choose``   which file of a folder a runtime takes
``chain``    lists of plugins: one made of a single plugin, our entry in it and out of it
``entry``    our entry: Kuma's fields and ours
``plan``     a folder and a wish to the steps that fulfil it; ``undo``: the steps back
``steps``    what a step is, and what becomes of a folder by it
``culprit``  who undid it, and which setting of hers ends the quarrel
"""
