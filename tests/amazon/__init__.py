"""Amazon: the emulator, the adapter on it, and whole flows."""
