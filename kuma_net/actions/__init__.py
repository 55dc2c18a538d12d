"""What one can ask for; joins pure parts and effects.

Begin with ``install``.
"""
