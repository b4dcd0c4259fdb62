"""The public face of Nika: what `import nika_core` offers, loaded when it is used.

The command line and command plugins use it, and nothing behind it.
"""
