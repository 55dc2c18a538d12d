"""What every service of ours is made of: waiting, a small HTTP server, a log, metrics.

``loop``      waits for readiness, timers and signals, and calls whoever asked for them
``http``      a small HTTP server
``log``       one line of JSON for each thing worth saying; ``sample``: how much of a flood
``families``  metrics as Prometheus reads them
"""
