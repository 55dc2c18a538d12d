"""The names of the mesh: where they come from, how they are spelt, how they are kept.

``document``   Kuma's DNS document; ``hosts`` a hosts file; ``static`` NAME=IP
``source``     what one of them said; ``addresses``, ``gathering``: what they have in common
``spellings``  the other ways in which people write a name
``join``       one set of names from all sources; collisions are told, never guessed away
``findings``   what there is to say about a source before it is served
``zones``      the zones that are ours
``table``      the names as one block of bytes, made once and looked up by every query
"""
