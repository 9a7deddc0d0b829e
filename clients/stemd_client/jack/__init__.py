"""Stems as ports of JACK or PipeWire: what `stemd jack` does.

A callback of JACK copies and counts (`engine`); an event loop sends what was captured and takes the stems
(`passage`); between the two lie rings addressed by JACK's frame counter, so that nothing ever shifts.
"""
