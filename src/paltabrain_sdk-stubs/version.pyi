from paltabrain_fast.version import __version__ as __version__
