"""Ways of telling the kernel, behind one Protocol.

Begin with ``base``.
"""
