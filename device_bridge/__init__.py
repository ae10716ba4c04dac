"""The cashier's desk: readers, scanners and desk transactions (not built yet)."""
