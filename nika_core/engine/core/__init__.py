"""The pure part of the engine: which task runs, is skipped or done again. Events in, commands out."""
