"""Shapes of the research endpoints' requests and answers."""
