"""Small services that tests run in processes of their own, by ``tests.support.programs``."""
