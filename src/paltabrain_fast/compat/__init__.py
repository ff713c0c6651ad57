"""What is here for the sake of code that was written for ``paltabrain_sdk``."""
