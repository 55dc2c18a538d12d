"""Whether a pod is captured, and how: the decision, from values alone; pure.

``identity``  which pod a request is about (CNI_ARGS)
``allowed``   what a pod may ask of a node
``decide``    leave it alone, ask the API server, or capture with this configuration
"""
