"""Services in interpreters beside the main one."""
