"""Halo: online optimization of native code, and interactive C++."""
