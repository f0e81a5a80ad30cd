"""Pure decisions of the engine: data in, data out; no clock, no store, no I/O."""
