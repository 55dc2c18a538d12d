"""What the kernel's firewall is: pure values and pure functions, nothing of a mesh.

Begin with ``ruleset``.
"""
