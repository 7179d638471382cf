"""Samples -> call tree -> regions worth tuning. Pure: no clock, no connection."""
