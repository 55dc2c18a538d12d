"""The names of the mesh: where they come from, how they are spelt, how they are kept.

``document``   Kuma's DNS document; ``hosts`` a hosts file; ``static`` NAME=IP
``spellings``  the other ways in which people write a name
``join``       one set of names from all sources; collisions are told, never guessed away
``zones``      the zones that are ours
``table``      the names as one block of bytes, made once and looked up by every query
"""
