"""From a sound device through a stream and back to a sound device, in the daemon itself."""
