"""Workers that do the same job without this project: what a good programmer writes in an hour."""
