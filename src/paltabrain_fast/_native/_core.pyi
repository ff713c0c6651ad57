# It is empty: it stands for the shared object that holds the other modules.
