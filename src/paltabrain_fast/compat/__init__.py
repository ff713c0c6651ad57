"""Helps code that was written for ``paltabrain_sdk``; nothing else needs it."""
