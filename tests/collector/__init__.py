"""Tests of the local collector."""
