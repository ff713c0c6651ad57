"""Tests of the schema stage: reading a schema, generating its config module."""
