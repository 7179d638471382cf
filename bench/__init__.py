"""What Halo costs and what it gains, measured against plain clang. `python -m bench --help`."""
