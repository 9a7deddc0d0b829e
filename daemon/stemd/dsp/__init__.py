"""Signal processing without I/O, clock or network: what can be proved about a stream is proved here."""
