"""OBS Studio: a script that brings a stem into it, and what sets its delays from outside.

`timeline`, `feed` and `libobs` are what the script `stemd_obs.py` is made of; inside OBS only numpy, pyzmq and msgpack
are there. `delays`, `websocket`, `inventory` and `setup` work from outside, over obs-websocket.
"""
