"""What all processes share: configuration, topology, broker, journal, gateway, life cycle."""
