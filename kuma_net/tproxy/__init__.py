"""What a mesh asks of a host: options, configuration, plan, ruleset; pure.

Begin with ``config``, then ``plan`` and ``compile``.
"""
