"""Sound devices: which there are, and streams of samples to and from them, through PortAudio.

Nothing here knows a network, a configuration or a socket. A callback of PortAudio copies and counts, nothing else.
"""
