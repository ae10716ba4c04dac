"""The HIS side: the client that hospital systems and the command line use."""
