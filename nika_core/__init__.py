"""Nika: the kernel."""
