# It has nothing for Python code.
