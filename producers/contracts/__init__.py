"""Contracts for others: what the bus says on the wire, as documents for vendors and tools."""
