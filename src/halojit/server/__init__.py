"""Connections, one story per process, the fleet of all processes of a build."""
